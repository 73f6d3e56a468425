import { createDigester, type Digest, type Digester } from "@acrkit/oci";
import type { OpenableContent } from "./content.ts";
import { KEPT_BYTES } from "./strategy.ts";

/** One opening of the content, read from somewhere on. */
interface Opening {
  readonly from: number;
  parts?: AsyncIterator<Uint8Array>;
  /** The read that is under way, if any. */
  reading?: Promise<void> | undefined;
  isClosed: boolean;
}

/** A piece that has been read, and where it stands in the content. */
interface Piece {
  readonly from: number;
  readonly bytes: Uint8Array;
}

/**
 * Reads content for sending, hashes it, and can go back to send a part of it again.
 *
 * How far it has been hashed and where it is read from are two numbers: no byte enters the hash twice, however often it is
 * sent. To go back, content that can be opened again is read from there anew; of a stream the last pieces are kept, as they
 * came, without copying. Pieces are hashed the moment they are read, so that a source which reuses its buffer gets an
 * error, never a digest of something it was not.
 */
export class ContentReader {
  readonly #content: OpenableContent;
  readonly #algorithm: string | undefined;
  #digester: Digester;
  #digest: Digest | undefined;
  #opening: Opening = { from: 0, isClosed: false };
  #wasOpened = false;
  #pieces: Piece[] = [];
  #keptBytes = 0;
  /** How far the present opening has been read. */
  #readTo = 0;
  #position = 0;
  #hasEnded = false;
  #failure: { readonly error: unknown } | undefined;
  /** Counts how often it went back: who waited for bytes before that gets none. */
  #turn = 0;

  constructor(content: OpenableContent, algorithm?: string) {
    this.#content = content;
    this.#algorithm = algorithm;
    this.#digester = createDigester(algorithm);
  }

  /** Where the next piece begins. */
  get position(): number {
    return this.#position;
  }

  /** Bytes hashed so far: all of them, once it has been read to its end. */
  get hashedBytes(): number {
    return this.#digester.sizeInBytes;
  }

  /** How large the content is, said or found out; undefined for a stream that has not ended yet. */
  get sizeInBytes(): number | undefined {
    return this.#content.sizeInBytes ?? (this.#hasEnded ? this.hashedBytes : undefined);
  }

  /** The digest of all content, which must have been read to its end. */
  digest(): Digest {
    this.#digest ??= this.#digester.digest();
    return this.#digest;
  }

  /** False at the end. May read a piece to find out. */
  async hasMore(): Promise<boolean> {
    while (this.#position >= this.#readTo && !this.#hasEnded) await this.#read();
    return this.#position < this.#readTo;
  }

  /** Reads ahead, and says whether the content is no larger than that; nothing is taken. */
  async isWithin(bytes: number): Promise<boolean> {
    while (this.#readTo <= bytes && !this.#hasEnded) await this.#read();
    return this.#readTo <= bytes;
  }

  /** The next piece, as it was read, of at most so many bytes; undefined at the end, and for who waited while it went back. */
  async next(maxBytes = Number.POSITIVE_INFINITY): Promise<Uint8Array | undefined> {
    const turn = this.#turn;
    if (!(await this.hasMore()) || turn !== this.#turn) return undefined;
    let index = this.#pieces.length - 1;
    while ((this.#pieces[index] as Piece).from > this.#position) index--;
    const { from, bytes } = this.#pieces[index] as Piece;
    const start = this.#position - from;
    const end = Math.min(bytes.byteLength, start + maxBytes);
    this.#position = from + end;
    this.#forget();
    return start === 0 && end === bytes.byteLength ? bytes : bytes.subarray(start, end);
  }

  /** Says that a piece is not needed any more: it was sent, or copied. Not for a piece that may be asked for again. */
  release(piece: Uint8Array): void {
    this.#content.release?.(piece);
  }

  /** Whether `offset`, which has been read before, can be read again. */
  canGoBackTo(offset: number): boolean {
    return offset <= this.hashedBytes && (this.#content.reopenable || this.#isKept(offset));
  }

  /** Goes on from `offset`, where it can. */
  goBackTo(offset: number): void {
    this.#turn++;
    if (this.#isKept(offset)) this.#position = offset;
    else this.#openFrom(offset);
  }

  /** Begins anew; content that is opened again may be other content by now, and is hashed as such. */
  restart(): void {
    if (!this.#isKept(0)) {
      this.#digester = createDigester(this.#algorithm);
      this.#digest = undefined;
    }
    this.goBackTo(0);
  }

  /** Reads and hashes up to `offset` without sending; false when the content ends before. */
  async skipTo(offset: number): Promise<boolean> {
    while (this.#position < offset) {
      if ((await this.next(offset - this.#position)) === undefined) return false;
    }
    return true;
  }

  /** Closes the content, read to its end or not. One that stands still closes when it moves again; nobody waits for that. */
  async close(): Promise<void> {
    this.#turn++;
    this.#hasEnded = true;
    this.#pieces = [];
    if (this.#wasOpened) await this.#closeOpening();
    else this.#content.discard();
  }

  #isKept(offset: number): boolean {
    return offset >= (this.#pieces[0]?.from ?? this.#readTo) && offset <= this.#readTo && this.#failure === undefined;
  }

  #openFrom(offset: number): void {
    this.#closeOpening().catch(() => {});
    this.#opening = { from: offset, isClosed: false };
    this.#pieces = [];
    this.#keptBytes = 0;
    this.#readTo = offset;
    this.#position = offset;
    this.#hasEnded = false;
    this.#failure = undefined;
  }

  /** Reads one more piece. A source that has failed would only say that it has ended. */
  async #read(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure.error;
    const opening = this.#opening;
    opening.reading ??= this.#readFrom(opening).finally(() => {
      opening.reading = undefined;
    });
    await opening.reading;
  }

  async #readFrom(opening: Opening): Promise<void> {
    try {
      if (opening.parts === undefined) {
        this.#wasOpened = true;
        opening.parts = (await this.#content.open(opening.from))[Symbol.asyncIterator]();
      }
      if (opening.isClosed) return void opening.parts.return?.()?.catch(() => {});
      const { done, value } = await opening.parts.next();
      if (opening !== this.#opening || opening.isClosed) return;
      if (done === true) this.#end();
      else if (value.byteLength > 0) this.#take(value);
    } catch (error) {
      if (opening !== this.#opening) return;
      this.#failure = { error };
      throw error;
    }
  }

  #take(bytes: Uint8Array): void {
    const from = this.#readTo;
    this.#readTo += bytes.byteLength;
    const hashed = this.#digester.sizeInBytes;
    // One that was read to its end before has given its digest: more of it is another content.
    if (this.#digest !== undefined && this.#readTo > hashed) throw new Error(changed(`more than ${hashed}`, hashed));
    if (this.#readTo > hashed) this.#digester.update(hashed > from ? bytes.subarray(hashed - from) : bytes);
    this.#pieces.push({ from, bytes });
    this.#keptBytes += bytes.byteLength;
  }

  #end(): void {
    const hashed = this.#digester.sizeInBytes;
    if (this.#readTo < hashed) throw new Error(changed(`only ${this.#readTo}`, hashed));
    this.#hasEnded = true;
  }

  /** Drops what will not be needed again. */
  #forget(): void {
    const keep = this.#content.reopenable ? 0 : KEPT_BYTES;
    for (;;) {
      const first = this.#pieces[0];
      if (first === undefined || first.from + first.bytes.byteLength > this.#position) return;
      if (this.#keptBytes - first.bytes.byteLength < keep) return;
      this.#keptBytes -= first.bytes.byteLength;
      this.#pieces.shift();
    }
  }

  async #closeOpening(): Promise<void> {
    const opening = this.#opening;
    opening.isClosed = true;
    const closed = opening.parts?.return?.();
    if (opening.reading !== undefined) {
      opening.reading.catch(() => {});
      closed?.catch(() => {});
    } else await closed;
  }
}

function changed(bytes: string, before: number): string {
  return `it has ${bytes} bytes, where it had ${before} when they were read the first time`;
}
