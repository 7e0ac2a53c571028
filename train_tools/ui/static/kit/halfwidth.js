// What a Chinese or Japanese keyboard types stands for the half-width signs, as workspace/halfwidth.py reads it.

const SIGNS = {
  "\u3000": " ", "\u3001": ",", "\uff64": ",", "\ufe50": ",", "\ufe51": ",", "\u3002": ".", "\uff61": ".",
  "\u2013": "-", "\u2014": "-", "\u2212": "-", "\u301c": "-", "\uff5e": "-", "\u00d7": "x",
  "\u201c": '"', "\u201d": '"', "\u2018": "'", "\u2019": "'", "\u3010": "[", "\u3011": "]", "\u2192": "->",
};
const COMMAS = { "\uff0c": ",", "\u3001": ",", "\uff64": ",", "\ufe50": ",", "\ufe51": ",", "\uff1b": ";" };

export const FULL_COMMAS = /[\uff0c\u3001\uff64\ufe50\ufe51\uff1b]/g;

const half = (sign) => SIGNS[sign] ?? (sign >= "\uff01" && sign <= "\uff5e" ? String.fromCharCode(sign.charCodeAt(0) - 0xfee0) : sign);

/** For numbers, names of ours and rules. */
export const halfWidth = (text) => [...text].map(half).join("");

/** For lists of words that people choose: only what divides them. */
export const halfCommas = (text) => text.replace(FULL_COMMAS, (sign) => COMMAS[sign]);

/** For lists of files, whose names may hold any sign: a comma behind an ending divides. */
export const commasBetweenFiles = (text) => text.replace(/(?<=[\p{L}\p{N}_]\.)([A-Za-z0-9]{2,12})\s*([\uff0c\u3001\uff1b])/gu, (_, ending, sign) => ending + COMMAS[sign]);

/** The way a field reads what is typed, as the server says it: "all", "commas", "files" or "" for prose. */
export const reading = { all: halfWidth, commas: halfCommas, files: commasBetweenFiles };
