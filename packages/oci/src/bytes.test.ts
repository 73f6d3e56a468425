import { expect, test } from "vitest";
import { Seeded } from "../test/seeded.ts";
import { collectBytes, concatBytes } from "./bytes.ts";
import { isLimitError } from "./errors.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);

test("pieces join to the bytes they were cut from", () => {
  const random = new Seeded();
  for (let round = 0; round < 50; round++) {
    const bytes = random.bytes(random.below(1000));
    expect(concatBytes(random.split(bytes)), `seed ${random.seed}`).toEqual(bytes);
  }
});

test("no pieces are no bytes", () => expect(concatBytes([])).toEqual(new Uint8Array()));

test("a single piece is not copied", () => {
  const piece = utf8("one");
  expect(concatBytes([piece])).toBe(piece);
});

test("a source is read to its end when it just fits", async () => {
  expect(await collectBytes(parts("12", "345"), 5, "answer")).toEqual(utf8("12345"));
});

test("a source that is too large is stopped at the part that goes past the limit, and closed", async () => {
  let [handedOut, closed] = [0, false];
  async function* endless() {
    try {
      for (;;) {
        handedOut++;
        yield utf8("1234");
      }
    } finally {
      closed = true;
    }
  }
  const failure = await collectBytes(endless(), 10, "token answer").catch((error: unknown) => error);
  expect(failure).toSatisfy(isLimitError);
  expect(failure).toMatchObject({
    limit: 10,
    seen: 12,
    message: "token answer is larger than the 10 bytes allowed; reading stopped",
  });
  expect([handedOut, closed]).toEqual([3, true]);
});

async function* parts(...texts: string[]) {
  for (const text of texts) yield utf8(text);
}
