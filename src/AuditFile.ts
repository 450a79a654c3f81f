/**
 * A trail in a file: what sinks are made of that store lines on a disk of their own.
 */
import type { FileSystem } from "@effect/platform"
import { Effect, type Scope } from "effect"
import { AuditSinkError, ofLines } from "./AuditSink.js"
import * as LogFile from "./internal/logFile.js"

/** A sink that reads no more than lines. */
export type OfLines = Parameters<typeof ofLines>[0]

/**
 * Opens the file until the scope is closed, and stores each record in it once, however often it is given. Errors call the sink
 * by its name.
 */
export const open = <S>(
  options: LogFile.Options,
  format: LogFile.Format<S>,
  name = `file ${options.path}`
): Effect.Effect<OfLines, AuditSinkError, FileSystem.FileSystem | Scope.Scope> =>
  Effect.map(LogFile.open(options, format), (file) => {
    // A failed batch may be stored in part, where it went over the end of a file, and is given again as a whole.
    const stored = new Set<object>()
    let given: ReadonlyArray<{ readonly line: string }> = []
    // Interrupted before it remembers, it would store records twice.
    const remember = (storing: Effect.Effect<void, LogFile.LogFileError>) =>
      Effect.tapError(storing, (error) =>
        Effect.sync(() => given.slice(0, error.written).forEach((record) => stored.add(record)))
      ).pipe(Effect.mapError(toSinkError(name)), Effect.uninterruptible)

    const sink: OfLines = {
      write: (batch) =>
        Effect.suspend(() => {
          given = stored.size === 0 ? batch : batch.filter((record) => !stored.has(record))
          return remember(file.write(given.map(({ line }) => line)))
        }),
      // What is durable is not given again.
      sync: remember(Effect.map(file.sync, () => stored.clear()))
    }
    ofLines(sink)
    return sink
  }).pipe(Effect.mapError(toSinkError(name)))

/** In the words of sinks. */
export const toSinkError =
  (sink: string) =>
  ({ reason, description, cause }: LogFile.LogFileError): AuditSinkError =>
    new AuditSinkError({ sink, reason, description, cause })
