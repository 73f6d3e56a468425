import { decodeJwt } from "jose";
import { describe, expect, it } from "vitest";
import { Jwts } from "./jwt.ts";
import { lazySigningKey } from "./signing-key.ts";

describe("tokens that are seen again", () => {
  const key = lazySigningKey((create) => create());
  let asked = 0;
  const counted = () => {
    asked++;
    return key();
  };
  let now = 1_000_000;
  const jwts = () => new Jwts(counted, () => now);
  const claims = { sub: "someone", nbf: 1000, exp: 2000 };

  it("are verified once, and their times at each use", async () => {
    const token = await jwts().sign(claims);
    const other = jwts();
    asked = 0;
    expect(await other.verify(token)).toEqual({ kind: "valid", claims });
    now = 1_999_000;
    expect(await other.verify(token)).toEqual({ kind: "valid", claims });
    now = 2_000_000;
    expect(await other.verify(token)).toEqual({ kind: "expired" });
    now = 999_000;
    expect(await other.verify(token)).toEqual({ kind: "premature" });
    expect(asked).toBe(1);
  });

  it("are not verified at all by whoever signed them", async () => {
    now = 1_000_000;
    const own = jwts();
    const token = await own.sign(claims);
    asked = 0;
    expect((await own.verify(token)).kind).toBe("valid");
    expect(asked).toBe(0);
  });

  it("make no key when they are nonsense: it takes a tenth of a second to make", async () => {
    asked = 0;
    for (const token of ["", "nonsense", "a.b", "a.b.c.d", `${"a".repeat(100_000)}.b.c`]) {
      expect((await jwts().verify(token)).kind).toBe("forged");
    }
    expect(asked).toBe(0);
  });

  it("are not kept when they are very long, but are as good", async () => {
    const own = jwts();
    const token = await own.sign({ ...claims, access: "x".repeat(10_000) });
    asked = 0;
    for (let round = 1; round <= 2; round++) {
      expect((await own.verify(token)).kind).toBe("valid");
      expect(asked).toBe(round);
    }
    expect(decodeJwt(token).sub).toBe("someone");
  });
});
