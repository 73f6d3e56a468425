import { closeSync, fdatasyncSync, openSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { dirname } from "node:path";
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { DataFolderError, DiskFullError } from "../errors.ts";
import { grouped, syncPath } from "../files/sync.ts";
import { createSchema, FORMAT, migrate, recreateSchema } from "./schema.ts";

/** How long a deleted entry's place in the order by time is known. Nobody reads a list that long. */
const DEPARTED_KEPT_SECONDS = 24 * 60 * 60;

export type Row = Readonly<Record<string, unknown>>;

/** SQLite's result codes that have a meaning here. @see https://www.sqlite.org/rescode.html */
const SQLITE = { busy: 5, full: 13, notADatabase: 26 } as const;

/**
 * A database whose statements are prepared once, by their text.
 *
 * A change is in the system's cache once its statement, or its transaction, has returned: from there on it survives the
 * process. It survives a power failure once `sync` has resolved. SQLite would do that itself with
 * `synchronous = FULL`, but within the statement: everything else would stand still for as long as the disk takes, once
 * for every change (0.4 ms on the disk this was measured on). Synced afterwards, and without blocking, one sync serves all
 * the requests that wait for one: a manifest's push took 1.2 ms alone, and 0.5 ms each with 16 at a time.
 */
export class Database {
  readonly #path: string;
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  readonly #durable: boolean;
  readonly #syncLog: () => Promise<void>;
  #log: FileHandle | undefined;
  #afterCommit: (() => void)[] = [];
  #inTransaction = false;
  #isClosed = false;
  /** Statements that changed something, and how many of them are known to be on the disk. */
  #changes = 0;
  #synced = 0;

  /**
   * Opens the file, or creates it. With `durable: false` nothing is synced to the disk, for folders that do not outlive
   * the process.
   *
   * @throws {DataFolderError} another process, or this one, has it open; it is of a newer format, or no database
   */
  constructor(path: string, { durable, now = Date.now }: { durable: boolean; now?: () => number }) {
    this.#path = path;
    this.#durable = durable;
    this.#syncLog = grouped(() => this.#syncLogFile());
    this.#database = new DatabaseSync(path);
    try {
      // Exclusive: a second emulator on the same folder must fail at once, and the lock goes with the process, however
      // that ends. WAL needs no shared memory then.
      this.#database.exec(`
        PRAGMA locking_mode = EXCLUSIVE;
        PRAGMA journal_mode = WAL;
        PRAGMA synchronous = ${durable ? "NORMAL" : "OFF"};
      `);
      this.#assertFormat();
      this.transaction(() => {
        migrate(this.#database, now());
        createSchema(this.#database);
        this.#database.exec(`DELETE FROM departed WHERE departedAt < unixepoch() - ${DEPARTED_KEPT_SECONDS}`);
      });
      this.#changes++;
    } catch (error) {
      this.#database.close();
      throw this.#explain(error);
    }
  }

  run(sql: string, ...values: SQLInputValue[]): number {
    try {
      const changes = Number(this.#prepare(sql).run(...values).changes);
      if (changes > 0) this.#changes++;
      return changes;
    } catch (error) {
      throw this.#explain(error);
    }
  }

  get(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#prepare(sql).get(...values) as Row | undefined;
  }

  all(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#prepare(sql).all(...values) as Row[];
  }

  /** Nested calls join the outer transaction. */
  transaction<T>(work: () => T): T {
    if (this.#inTransaction) return work();
    this.#prepare("BEGIN").run();
    this.#inTransaction = true;
    try {
      const result = work();
      this.#prepare("COMMIT").run();
      this.#inTransaction = false;
      for (const act of this.#afterCommit.splice(0)) act();
      return result;
    } catch (error) {
      if (this.#inTransaction) this.#rollback();
      throw this.#explain(error);
    }
  }

  /** Does `act` once what has been written so far is committed, which may be now; never when it is taken back. */
  afterCommit(act: () => void): void {
    if (this.#inTransaction) this.#afterCommit.push(act);
    else act();
  }

  /** Removes everything. */
  clear(): void {
    this.transaction(() => recreateSchema(this.#database));
    this.#changes++;
  }

  /** Resolves when everything that has been committed is on the disk; at once when it is not to be. */
  async sync(): Promise<void> {
    if (!this.#durable || this.#synced >= this.#changes || this.#isClosed) return;
    await this.#syncLog();
  }

  /** As `sync`, and everything else waits: for what must follow within the same turn of the event loop. */
  syncNow(): void {
    if (!this.#durable) return;
    const log = openSync(`${this.#path}-wal`, "r");
    try {
      fdatasyncSync(log);
    } finally {
      closeSync(log);
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#statements.clear();
    this.#database.close();
    // The log itself is gone: closing has written everything to the database, and synced that.
    void this.#log?.close().catch(() => {});
  }

  async #syncLogFile(): Promise<void> {
    const changes = this.#changes;
    if (this.#log === undefined) {
      this.#log = await open(`${this.#path}-wal`, "r");
      await syncPath(dirname(this.#path));
    }
    await this.#log.datasync();
    this.#synced = changes;
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #rollback(): void {
    this.#inTransaction = false;
    this.#afterCommit = [];
    try {
      this.#prepare("ROLLBACK").run();
    } catch {
      // A full disk makes SQLite roll back by itself; that there is nothing left to roll back is no news.
    }
  }

  #assertFormat(): void {
    const { user_version: format } = this.#database.prepare("PRAGMA user_version").get() as { user_version: number };
    if (format <= FORMAT) return;
    const folder = dirname(this.#path);
    throw new DataFolderError(
      "DATA_FOLDER_TOO_NEW",
      folder,
      `the data folder ${folder} was written by a newer emulator (format ${format}, this one knows ${FORMAT}): update the emulator, or use another folder`,
    );
  }

  #explain(error: unknown): unknown {
    const folder = dirname(this.#path);
    switch ((error as { readonly errcode?: number }).errcode) {
      case SQLITE.full:
        return new DiskFullError(folder, { cause: error });
      case SQLITE.busy:
        return new DataFolderError("DATA_FOLDER_IN_USE", folder, `the data folder ${folder} is in use`, {
          cause: error,
        });
      case SQLITE.notADatabase:
        return new DataFolderError(
          "DATA_FOLDER_UNUSABLE",
          folder,
          `${this.#path} is not a database of the emulator: use another folder`,
          { cause: error },
        );
      default:
        return error;
    }
  }
}
