import { jsonOf, type Recording } from "../recordings/recording.ts";
import { compareJson, isObject } from "./compare-json.ts";
import { claimsOf } from "./live-tokens.ts";
import type { Replayed } from "./replay.ts";

/** How a token's claims differ from the recorded ones: their names, lifetime, and all values that are no ids or times. */
export function compareClaims({ jwts = {} }: Recording, { exchange, answer, number }: Replayed): readonly string[] {
  const json = jsonOf(exchange.response.body);
  if (!isObject(json) || answer.status !== 200) return [];
  return Object.entries(json).flatMap(([member, placeholder]) => {
    const recorded = jwts[String(placeholder).slice(1, -1)]?.payload;
    if (recorded === undefined) return [];
    const live = claimsOf((JSON.parse(Buffer.from(answer.body).toString()) as Record<string, string>)[member] ?? "");
    return compareJson(withoutIds(live), withoutIds(recorded), `${number}: claims`);
  });
}

function withoutIds(claims: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { exp, iat, nbf } = claims as Record<string, number>;
  const life = { exp: (exp ?? 0) - (iat ?? 0), nbf: (nbf ?? 0) - (iat ?? 0), iat: 0 };
  const ids = Object.fromEntries(["jti", "rid", "appid"].filter((name) => name in claims).map((name) => [name, ""]));
  const sub = claims.sub === "acr_anon_pull" ? claims.sub : "";
  const merged = { ...claims, ...life, ...ids, sub };
  return Object.fromEntries(Object.entries(merged).sort(([a], [b]) => (a < b ? -1 : 1)));
}
