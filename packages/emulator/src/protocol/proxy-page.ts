import { textAnswer } from "./answers.ts";
import type { EmulatorResponse, HeaderLine } from "./message.ts";

/**
 * What the proxy before the service answers by itself, in nginx's words, whose relative `openresty` is: it knows nothing of
 * the registry's errors. `lines` stand for the title where the page says something else than its tab.
 */
export function proxyPage(
  status: number,
  title: string,
  {
    server = "openresty",
    lines = [title],
    headers = [],
  }: { readonly server?: string; readonly lines?: readonly string[]; readonly headers?: readonly HeaderLine[] } = {},
): EmulatorResponse {
  const [first = "", ...others] = lines;
  const html = [
    "<html>",
    `<head><title>${title}</title></head>`,
    "<body>",
    `<center><h1>${first}</h1></center>`,
    ...others.map((line) => `<center>${line}</center>`),
    `<hr><center>${server}</center>`,
    "</body>",
    "</html>",
    "",
  ].join("\r\n");
  return textAnswer(status, "text/html", html, headers);
}
