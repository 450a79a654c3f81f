/**
 * UUIDs of version 7 (RFC 9562): the time, then 74 random bits. The time keeps those of two processes apart that happen to
 * draw the same numbers: Effect's `Random` starts from only 32 bits.
 */
import { Clock, Effect, Random } from "effect"

export const make: Effect.Effect<string> = Effect.gen(function* () {
  const millis = yield* Clock.currentTimeMillis
  const [a, b, c] = [yield* bits(12), yield* bits(30), yield* bits(32)]
  const time = hex(Math.max(0, millis), 12)
  // The variant `10`, then 14 bits of `b`; the other 16 go with `c`.
  const variant = hex(0x8000 | (b >>> 16), 4)
  return `${time.slice(0, 8)}-${time.slice(8)}-7${hex(a, 3)}-${variant}-${hex(b & 0xffff, 4)}${hex(c, 8)}`
})

const bits = (count: number) => Random.nextIntBetween(0, 2 ** count)

const hex = (value: number, digits: number) => value.toString(16).padStart(digits, "0")
