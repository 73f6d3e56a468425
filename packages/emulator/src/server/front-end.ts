import { STATUS_CODES } from "node:http";
import type { EmulatorResponse, HeaderLine } from "../protocol/message.ts";
import { proxyPage } from "../protocol/proxy-page.ts";

/*
 * What the service's front end answers by itself, before the registry sees anything. Recorded answers name it as
 * `openresty` (1.2); pages, statuses and limits are nginx's own (ngx_http_special_response.c, `large_client_header_buffers
 * 4 8k`). That ACR leaves them at that is assumed: none was ever seen.
 */

/** Four buffers of 8 KiB; Node has one limit for all of the head. */
export const MAX_HEAD_BYTES = 32 * 1024;

/** The request line has to fit into one of them. */
const MAX_URI_BYTES = 8 * 1024;

/** The answer for an address that is too long, or undefined. */
export function uriTooLong(url: string): EmulatorResponse | undefined {
  return url.length > MAX_URI_BYTES ? errorPage(414, "414 Request-URI Too Large") : undefined;
}

/** The answer for something that the HTTP parser refused. */
export function malformed(errorCode: string | undefined): EmulatorResponse {
  if (errorCode === "HPE_HEADER_OVERFLOW") {
    return errorPage(400, "400 Request Header Or Cookie Too Large", [
      "400 Bad Request",
      "Request Header Or Cookie Too Large",
    ]);
  }
  if (errorCode === "ERR_HTTP_REQUEST_TIMEOUT") return errorPage(408, "408 Request Time-out");
  return errorPage(400, "400 Bad Request");
}

/** `CONNECT` would make a proxy of it. */
export function notAProxy(): EmulatorResponse {
  return errorPage(405, "405 Not Allowed");
}

function errorPage(status: number, title: string, lines?: readonly string[]): EmulatorResponse {
  const headers: readonly HeaderLine[] = [
    ["Server", "openresty"],
    ["Connection", "close"],
  ];
  return proxyPage(status, title, { headers, ...(lines === undefined ? {} : { lines }) });
}

/** The answer as it goes over the wire, for a connection that Node has given up as HTTP. */
export function asBytes({ status, headers, body }: EmulatorResponse, now: number): Uint8Array {
  const lines = [...headers, ["Date", new Date(now).toUTCString()]].map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join("")}\r\n`;
  return Buffer.concat([Buffer.from(head, "latin1"), body instanceof Uint8Array ? body : Buffer.alloc(0)]);
}
