/**
 * Where messages wait between being delivered and being landed.
 */
import { Duration, Effect } from "effect"
import type { Delivery } from "./Pull.js"

export interface WaitingRoom {
  readonly add: (delivery: Delivery) => void
  /** All that wait, once there are any, and at the latest after so many milliseconds. */
  readonly take: (within: number | undefined) => Effect.Effect<ReadonlyArray<Delivery>>
  /** All that wait. */
  readonly clear: Effect.Effect<ReadonlyArray<Delivery>>
  /** Resumes when what waits and what is being landed is less than a batch. */
  readonly hasRoom: Effect.Effect<void>
  /** To be called when something has landed. */
  readonly update: () => void
}

/** How long more is waited for where the server has more, so that the store is given large batches. */
const linger = Duration.millis(10)

/** `landing` says how much is being landed. */
export const make = (batch: number, landing: () => number): WaitingRoom => {
  const arrived = Effect.unsafeMakeLatch(false)
  const room = Effect.unsafeMakeLatch(true)
  let waiting: Array<Delivery> = []
  let weight = 0

  const update = () => {
    if (weight + landing() < batch) room.unsafeOpen()
    else room.unsafeClose()
  }

  const clear = Effect.sync(() => {
    const all = waiting
    waiting = []
    weight = 0
    arrived.unsafeClose()
    return all
  })

  return {
    add: (delivery) => {
      waiting.push(delivery)
      weight += delivery.weight
      arrived.unsafeOpen()
    },
    // Nothing is taken before the wait is over: what is interrupted with a message in its hand would lose it.
    take: (within) =>
      (within === undefined ? arrived.await : Effect.timeoutOption(arrived.await, Duration.millis(within))).pipe(
        Effect.zipRight(
          Effect.suspend(() => ((waiting.at(-1)?.pending ?? 0) > 0 ? Effect.sleep(linger) : Effect.void))
        ),
        Effect.zipRight(clear)
      ),
    clear,
    hasRoom: Effect.suspend(() => {
      update()
      return room.await
    }),
    update
  }
}
