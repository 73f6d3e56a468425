import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { buffer } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";
import { listen } from "./listen.ts";

const NEAR = { roundTripMs: 4, bytesPerSecond: 1_000_000_000 };

async function distant(serve: (socket: Socket) => void): Promise<Socket> {
  const server = createServer({ allowHalfOpen: true }, serve).listen(0, "127.0.0.1");
  await once(server, "listening");
  const proxy = await listen((server.address() as AddressInfo).port, NEAR);
  const client = connect({ port: proxy.port, host: "127.0.0.1", allowHalfOpen: true });
  onTestFinished(() => {
    client.destroy();
    proxy.close();
    server.close();
  });
  return client;
}

test("every byte comes over, in order, each way at once, and the end after them", async () => {
  const client = await distant((socket) => socket.pipe(socket));
  const content = randomBytes(5_000_000);
  client.end(content);
  const back = await buffer(client);
  expect(createHash("sha256").update(back).digest("hex")).toBe(createHash("sha256").update(content).digest("hex"));
});

test("a connection that breaks on one side breaks on the other", async () => {
  const client = await distant((socket) => socket.once("data", () => socket.resetAndDestroy()));
  client.on("error", () => {});
  client.resume().write("hello");
  await new Promise((resolve) => client.once("close", resolve));
  expect(client.errored).toMatchObject({ code: "ECONNRESET" });
});
