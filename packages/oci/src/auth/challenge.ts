import { MAX_HEADER_CHARACTERS } from "../limits.ts";

/** One challenge of a `WWW-Authenticate` header: its scheme in lower case, its parameters by lower-case name. */
export interface Challenge {
  readonly scheme: string;
  readonly parameters: Readonly<Record<string, string>>;
}

// RFC 9110, 5.6.2 (token) and 5.6.4 (quoted-string).
const TOKEN = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
const QUOTED = /"((?:[^"\\]|\\.)*)"/y;
// token68, the other form of credentials after a scheme (RFC 9110, 11.2).
const TOKEN68 = /[A-Za-z0-9._~+/-]+=*(?=\s*(?:,|$))/y;

/**
 * Parses a `WWW-Authenticate` header, which may hold several challenges; what cannot be read ends the list.
 *
 * @see RFC 9110, 11.6.1; distribution's token authentication specification
 * @example
 * ```ts
 * import { parseChallenges } from "@acrkit/oci";
 * const [bearer] = parseChallenges('Bearer realm="https://r.azurecr.io/oauth2/token",service="r.azurecr.io"');
 * ```
 */
export function parseChallenges(header: string): readonly Challenge[] {
  const scanner = new Scanner(header.slice(0, MAX_HEADER_CHARACTERS));
  const challenges: { scheme: string; parameters: Record<string, string> }[] = [];
  while (!scanner.atEnd()) {
    scanner.skip(/[\s,]*/y);
    const word = scanner.take(TOKEN);
    if (word === undefined) break;
    const current = challenges.at(-1);
    scanner.skip(/[ \t]*/y);
    if (current !== undefined && scanner.skip(/=[ \t]*/y)) {
      const value = scanner.take(QUOTED)?.slice(1, -1).replace(/\\(.)/g, "$1") ?? scanner.take(TOKEN);
      if (value === undefined) break;
      current.parameters[word.toLowerCase()] ??= value;
    } else {
      challenges.push({ scheme: word.toLowerCase(), parameters: Object.create(null) });
      // `Negotiate abc==`: skipped, unless what follows is a parameter (`name=`).
      if (!scanner.looksAt(/[^\s,=]+[ \t]*=[ \t]*["!#$%&'*+.^_`|~0-9A-Za-z-]/y)) scanner.skip(TOKEN68);
    }
  }
  return challenges;
}

/** Writes a challenge as ACR does: parameters in the order given, a comma without a space between them. */
export function formatChallenge(scheme: string, parameters: Readonly<Record<string, string>>): string {
  const parts = Object.entries(parameters).map(([name, value]) => `${name}="${value.replace(/["\\]/g, "\\$&")}"`);
  return `${scheme} ${parts.join(",")}`;
}

class Scanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  atEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  looksAt(sticky: RegExp): boolean {
    sticky.lastIndex = this.#at;
    return sticky.test(this.#text);
  }

  take(sticky: RegExp): string | undefined {
    sticky.lastIndex = this.#at;
    const found = sticky.exec(this.#text);
    if (found === null || found[0] === "") return undefined;
    this.#at = sticky.lastIndex;
    return found[0];
  }

  skip(sticky: RegExp): boolean {
    return this.take(sticky) !== undefined;
  }
}
