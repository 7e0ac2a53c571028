// Talking with the page server. Paths are relative: behind a webui the page lies below another address.

import { heard } from "./reach.js";

export class ApiError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

let offlineText = "The page server doesn't answer.";
export const setOfflineText = (text) => (offlineText = text);

export const get = (path, query, options) => ask("GET", path + queryOf(query), undefined, options);
export const post = (path, body, options) => ask("POST", path, body ?? {}, options);

/** `api/v/<project>/<version>/<rest>` with names of any script. */
export function versionPath(project, version, rest = "", kind = "api") {
  const path = rest.split("/").map(encodeURIComponent).join("/");
  return `${kind}/v/${encodeURIComponent(project)}/${encodeURIComponent(version)}/${path}`;
}

export function queryOf(query) {
  const text = new URLSearchParams(Object.entries(query || {}).filter(([, v]) => v !== undefined && v !== null)).toString();
  return text ? `?${text}` : "";
}

async function ask(method, path, body, { signal } = {}) {
  let response;
  try {
    response = await fetch(path, {
      method,
      signal,
      headers: { "Content-Type": "application/json", "Accept-Language": document.documentElement.lang },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    heard(0);
    throw new ApiError(offlineText, 0);
  }
  heard(response.status);
  const answer = await response.json().catch((error) => {
    if (error.name === "AbortError") throw error;
    return null;
  });
  if (response.status === 400) dispatchEvent(new CustomEvent("refused", { detail: path })); // the place itself may be gone
  if (!response.ok) throw new ApiError(answer?.error || `${offlineText} (${response.status})`, response.status);
  return answer;
}

/** Sends one file's bytes; `progress` gets a share from 0 to 1. Resolves to the answer; `signal` cancels. */
export function upload(path, file, { progress, signal } = {}) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("PUT", path);
    request.setRequestHeader("Accept-Language", document.documentElement.lang);
    request.responseType = "json";
    request.upload.onprogress = (event) => progress?.(event.total ? event.loaded / event.total : 0);
    request.onload = () => {
      heard(request.status);
      if (request.status < 300) resolve(request.response);
      else reject(new ApiError(request.response?.error || offlineText, request.status));
    };
    request.onerror = () => {
      heard(0);
      reject(new ApiError(offlineText, 0));
    };
    request.onabort = () => reject(new DOMException("cancelled", "AbortError"));
    signal?.addEventListener("abort", () => request.abort());
    request.send(file);
  });
}
