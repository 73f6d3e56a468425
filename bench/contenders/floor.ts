import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { readFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { Agent, request } from "node:https";
import { pipeline } from "node:stream/promises";
import type { Contender, ContenderFactory } from "./contender.ts";
import { inLanes } from "./lanes.ts";

/** So that neither a read nor a write is a system call for each piece that TLS takes or gives. */
const BUFFER_BYTES = 512 * 1024;

/**
 * What the machine allows: bare node:https and createHash, one request for the whole blob, no retries, no limits, no
 * errors worth the name. Nobody should use this; it shows what a library costs on top.
 */
export const floor: ContenderFactory = ({ endpoint, certificate, token }) => {
  const agent = new Agent({ ca: certificate, keepAlive: true });
  const tokens = new Map<string, Promise<string>>();

  const send = (
    url: string | URL,
    options: object,
    body?: string | Buffer | ((to: NodeJS.WritableStream) => Promise<void>),
  ) =>
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
  const expect = async (status: number, answer: IncomingMessage) => {
    const said = await text(answer);
    if (answer.statusCode !== status) throw new Error(`${answer.statusCode} instead of ${status}: ${said}`);
    return answer;
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
  const start = async (repository: string) => {
    const headers = await authorization(`repository:${repository}:pull,push`);
    const answer = await expect(202, await send(`/v2/${repository}/blobs/uploads/`, { method: "POST", headers }));
    return { headers, location: String(answer.headers.location) };
  };
  const finish = async (location: unknown, digest: string, headers: object, content?: Buffer) => {
    const url = `${location}&digest=${encodeURIComponent(digest)}`;
    await expect(201, await send(url, { method: "PUT", headers }, content));
  };

  const download: Contender["download"] = async (repository, digest, file) => {
    const headers = await authorization(`repository:${repository}:pull`);
    const redirect = await expect(307, await send(`/v2/${repository}/blobs/${digest}`, { headers }));
    const hash = createHash("sha256");
    await pipeline(
      await send(String(redirect.headers.location), {}),
      hashing(hash),
      createWriteStream(file, { highWaterMark: BUFFER_BYTES }),
    );
    if (`sha256:${hash.digest("hex")}` !== digest) throw new Error("the floor fetched something else");
  };

  return {
    async upload(repository, path) {
      const { headers, location } = await start(repository);
      const hash = createHash("sha256");
      const patched = await send(location, { method: "PATCH", headers }, (to) =>
        pipeline(createReadStream(path, { highWaterMark: BUFFER_BYTES }), hashing(hash), to),
      );
      await expect(202, patched);
      await finish(patched.headers.location, `sha256:${hash.digest("hex")}`, headers);
    },
    download,
    uploadMany: (repository, files) =>
      inLanes(files, async (file) => {
        const content = await readFile(file);
        const { headers, location } = await start(repository);
        await finish(location, `sha256:${createHash("sha256").update(content).digest("hex")}`, headers, content);
      }),
    downloadMany: (repository, blobs) => inLanes(blobs, ({ digest, file }) => download(repository, digest, file)),
    async readTag(repository, tag) {
      const headers = await authorization(`repository:${repository}:metadata_read`);
      await expect(200, await send(`/acr/v1/${repository}/_tags/${tag}`, { headers }));
    },
  };
};

function hashing(hash: ReturnType<typeof createHash>) {
  return async function* (parts: AsyncIterable<Buffer>) {
    for await (const part of parts) {
      hash.update(part);
      yield part;
    }
  };
}
