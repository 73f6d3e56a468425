import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import type { IncomingMessage } from "node:http";
import { Agent, request } from "node:https";
import { pipeline } from "node:stream/promises";
import type { ContenderFactory } from "./contender.ts";

/**
 * What the machine allows: bare node:https and createHash, one request for the whole blob, no retries, no limits, no
 * errors worth the name. Nobody should use this; it shows what a library costs on top.
 */
export const floor: ContenderFactory = ({ endpoint, certificate, token }) => {
  const agent = new Agent({ ca: certificate, keepAlive: true });
  const tokens = new Map<string, Promise<string>>();

  const send = (url: string | URL, options: object, body?: string | ((to: NodeJS.WritableStream) => Promise<void>)) =>
    new Promise<IncomingMessage>((resolve, reject) => {
      const sent = request(new URL(url, endpoint), { agent, ...options }, resolve);
      sent.on("error", reject);
      if (typeof body === "function") body(sent).catch(reject);
      else sent.end(body);
    });
  const text = async (message: IncomingMessage) => {
    let all = "";
    for await (const part of message) all += part;
    return all;
  };
  const form = (path: string, fields: Record<string, string>) =>
    send(
      path,
      { method: "POST", headers: { "content-type": "application/x-www-form-urlencoded" } },
      new URLSearchParams({ service: new URL(endpoint).host, ...fields }).toString(),
    ).then(text);
  const authorization = async (scope: string) => {
    const known = tokens.get(scope) ?? fetchToken(scope);
    tokens.set(scope, known);
    return { authorization: `Bearer ${await known}` };
  };
  const fetchToken = async (scope: string) => {
    const exchanged = JSON.parse(await form("/oauth2/exchange", { grant_type: "access_token", access_token: token }));
    const fields = { grant_type: "refresh_token", scope, refresh_token: exchanged.refresh_token };
    return JSON.parse(await form("/oauth2/token", fields)).access_token as string;
  };

  return {
    async upload(repository, path) {
      const headers = await authorization(`repository:${repository}:pull,push`);
      const started = await send(`/v2/${repository}/blobs/uploads/`, { method: "POST", headers });
      await text(started);
      const hash = createHash("sha256");
      const patched = await send(String(started.headers.location), { method: "PATCH", headers }, (to) =>
        pipeline(
          createReadStream(path, { highWaterMark: 512 * 1024 }),
          async function* (parts: AsyncIterable<Buffer>) {
            for await (const part of parts) {
              hash.update(part);
              yield part;
            }
          },
          to,
        ),
      );
      await text(patched);
      const digest = `sha256:${hash.digest("hex")}`;
      const url = `${patched.headers.location}&digest=${encodeURIComponent(digest)}`;
      await text(await send(url, { method: "PUT", headers }));
      return digest;
    },
    async download(repository, digest) {
      const headers = await authorization(`repository:${repository}:pull`);
      const redirect = await send(`/v2/${repository}/blobs/${digest}`, { headers });
      await text(redirect);
      const hash = createHash("sha256");
      let bytes = 0;
      for await (const part of (await send(String(redirect.headers.location), {})) as AsyncIterable<Buffer>) {
        hash.update(part);
        bytes += part.length;
      }
      if (`sha256:${hash.digest("hex")}` !== digest) throw new Error("the floor fetched something else");
      return bytes;
    },
    async readTag(repository, tag) {
      const headers = await authorization(`repository:${repository}:metadata_read`);
      await text(await send(`/acr/v1/${repository}/_tags/${tag}`, { headers }));
    },
  };
};
