import type { EmulatorRequest } from "./protocol/message.ts";

/** A host name or address with an optional port, as a `Host` header has it. */
const HOST = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+)(?::\d{1,5})?$/;

/** What the client calls this server: the request's `Host`, or `fallback` where that is missing or no host. */
export function hostOf(request: EmulatorRequest, fallback: string): string {
  const host = request.headers.host ?? "";
  return HOST.test(host) ? host : fallback;
}

/** The host without its port. */
export function hostnameOf(host: string): string {
  return HOST.exec(host)?.[1] ?? host;
}
