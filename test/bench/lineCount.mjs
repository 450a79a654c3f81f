// The lines of a file that is on the disk.
import { existsSync, readFileSync } from "node:fs"

const lineFeed = 10

/** Those that are ended. A file that was never opened has none. */
export const lineCount = (path) =>
  existsSync(path) ? readFileSync(path).reduce((sum, byte) => (byte === lineFeed ? sum + 1 : sum), 0) : 0
