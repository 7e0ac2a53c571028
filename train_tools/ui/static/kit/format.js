import { language, t } from "./texts.js";

const locale = () => (language === "zh" ? "zh-CN" : "en");

export const number = (value, digits = 0) => value.toLocaleString(locale(), { maximumFractionDigits: digits });

export function bytes(value) {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let step = 0;
  while (value >= 1000 && step < units.length - 1) (value /= 1000), step++;
  return `${number(value, value < 10 && step ? 1 : 0)} ${units[step]}`;
}

/** Seconds as `45 s`, `12 min`, `3 h 20 min`. */
export function duration(seconds) {
  if (seconds < 90) return t("kit.seconds", { n: Math.round(seconds) });
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return t("kit.minutes", { n: minutes });
  return t("kit.hours", { h: Math.floor(minutes / 60), m: minutes % 60 });
}

/** Seconds since 1970 as a date near now: a time today, else a day. */
export function when(seconds) {
  const date = new Date(seconds * 1000);
  const today = date.toDateString() === new Date().toDateString();
  return date.toLocaleString(locale(), today ? { hour: "2-digit", minute: "2-digit" } : { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });
}

/** A rate or loss as short as it stays true. */
export const short = (value) => (value === null || value === undefined ? "–" : Number(value.toPrecision(4)).toString());
