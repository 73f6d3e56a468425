import { expect, it } from "vitest";
import type { Store } from "../storage/store.ts";
import { acknowledgeDurably } from "./acknowledge.ts";
import type { EmulatorRequest } from "./message.ts";

const request = (method: string) => ({ method }) as EmulatorRequest;

it("an answer to a change waits until the change is on the disk; one to GET or HEAD does not", async () => {
  let finish = () => {};
  const store = {
    sync: () =>
      new Promise<void>((resolve) => {
        finish = resolve;
      }),
  } as Store;
  const handler = acknowledgeDurably(store, async () => ({ status: 201, headers: [] }));
  for (const method of ["GET", "HEAD"]) expect((await handler(request(method))).status).toBe(201);
  for (const method of ["PUT", "POST", "PATCH", "DELETE"]) {
    let isAnswered = false;
    const answering = handler(request(method)).then((answer) => {
      isAnswered = true;
      return answer;
    });
    await new Promise(setImmediate);
    expect(isAnswered, method).toBe(false);
    finish();
    expect((await answering).status).toBe(201);
  }
});

it("what did not get to the disk is not acknowledged", async () => {
  const broken = new Error("EIO");
  const store = { sync: () => Promise.reject(broken) } as unknown as Store;
  const handler = acknowledgeDurably(store, async () => ({ status: 201, headers: [] }));
  expect(await handler(request("PUT"))).toMatchObject({ status: 500, failure: broken });
});
