import { expect, test } from "vitest";
import { patterned } from "../testing/content.ts";
import { clientAt, serve } from "../testing/raw-server.ts";
import { failOnUnhandled } from "../testing/unhandled.ts";

failOnUnhandled();

test("a registry that takes two requests at a time gets every blob, and has to refuse few requests", async () => {
  let underWay = 0;
  let refused = 0;
  const stored = new Set<string>();
  const server = await serve((request, response) => {
    // The questions after a refused commit, and the cancellation, are not what is counted here.
    if (request.method === "GET" || request.method === "HEAD") return void response.writeHead(404).end();
    if (request.method === "DELETE") return void response.writeHead(204).end();
    const isRefused = underWay >= 2;
    if (isRefused) refused++;
    else underWay++;
    request.resume().on("end", () => {
      if (isRefused) return void response.writeHead(429, { "retry-after": "0" }).end();
      setImmediate(() => {
        underWay--;
        if (request.method === "POST") {
          response.writeHead(202, { location: "/v2/app/blobs/uploads/1" }).end();
          return;
        }
        const digest = new URL(request.url ?? "", "http://registry").searchParams.get("digest") ?? "";
        stored.add(digest);
        response.writeHead(201, { "docker-content-digest": digest }).end();
      });
    });
  });
  const client = clientAt(server, { retryOptions: { maxRetries: 10, retryDelayInMs: 0 } });
  const blobs = Array.from({ length: 100 }, (_, index) => patterned(1_000 + index));
  const results = await Promise.all(blobs.map((blob) => client.uploadBlob("app", blob)));
  expect([...stored].toSorted()).toEqual(results.map(({ digest }) => digest).toSorted());
  expect(refused).toBeGreaterThan(0);
  // Of the 200 that are needed; without a pace most are refused, and some so often that their upload fails.
  expect(refused).toBeLessThan(50);
}, 30_000);
