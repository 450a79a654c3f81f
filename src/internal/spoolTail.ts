/**
 * How far a log is durable: a format that tells it, and those who wait for more.
 */
import { Effect } from "effect"
import * as Condition from "./condition.js"
import type * as LogFile from "./logFile.js"

/** A state of the format, and the bytes that were written until then since the log was opened. */
export interface Counted<S> {
  readonly state: S
  readonly bytes: number
}

export interface Tail<S> {
  readonly format: LogFile.Format<Counted<S>>
  /** The newest state that is durable; nothing before the log is open. */
  readonly unsafeDurable: () => Counted<S> | undefined
  readonly until: Condition.Condition["until"]
}

export const make = <S>(format: LogFile.Format<S>): Tail<S> => {
  const { unsafeChanged, until } = Condition.make()
  let durable: Counted<S> | undefined

  const counted = (before: Counted<S>, [text, state]: readonly [string, S]): readonly [string, Counted<S>] => [
    text,
    { state, bytes: before.bytes + Buffer.byteLength(text) }
  ]

  return {
    format: {
      ...format,
      resume: (ends) => {
        const { state, ...others } = format.resume(ends)
        return { ...others, state: { state, bytes: 0 } }
      },
      line: (before, line, now) => counted(before, format.line(before.state, line, now)),
      isNoteDue: ({ state }) => format.isNoteDue(state),
      note: (before, occasion, now) => counted(before, format.note(before.state, occasion, now)),
      settled: (now) =>
        Effect.suspend(() => {
          durable = now
          unsafeChanged()
          return format.settled(now.state)
        })
    },
    unsafeDurable: () => durable,
    until
  }
}
