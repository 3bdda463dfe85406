/**
 * Where the log publishes: static files that any web server can serve and anyone can copy. Paths are relative, with `/`.
 * Two implementations: a folder, and the simulator's memory that loses what was not durable.
 */
export interface LogFiles {
  read(path: string): Promise<Uint8Array | undefined>;
  /** Replaces the file as a whole: a reader sees the old or the new one. With `durable`, it survives a power cut. */
  write(path: string, bytes: Uint8Array, options: { durable: boolean }): Promise<void>;
  /** The file or folder with all below it; absent is no error. */
  remove(path: string): Promise<void>;
  /** Moves a file or folder; absent is no error. */
  move(from: string, to: string): Promise<void>;
  /** Bytes that can still be written. */
  free_bytes(): Promise<number>;
}
