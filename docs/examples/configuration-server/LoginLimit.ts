/**
 * How often an address may try a wrong token: ten times in a quarter of an hour, counted from the first. After that, its
 * right tokens are refused as well, or guessing would only be hidden, not limited.
 */
import { Clock, Context, Data, Duration, Effect, Layer, Option } from "effect"
import { subscriberOf } from "./Network.js"

const maxFailures = 10
const period = Duration.toMillis("15 minutes")

/** Beyond it the oldest address is forgotten: memory stays bounded whoever asks. */
const maxAddresses = 10_000

export class LimitReached extends Data.TaggedError("LimitReached")<{
  /** How long until the address may try again. */
  readonly seconds: number
}> {}

export class LoginLimit extends Context.Tag("configuration-server/LoginLimit")<
  LoginLimit,
  {
    /** Counts the login if it finds nobody. Looking at the count and adding to it is one step, whoever else tries. */
    readonly attempt: <A>(
      address: string,
      login: () => Option.Option<A>
    ) => Effect.Effect<Option.Option<A>, LimitReached>
  }
>() {}

export const layer: Layer.Layer<LoginLimit> = Layer.sync(LoginLimit, () => {
  // In the order in which they expire, since each stays for the same time.
  const failuresBySubscriber = new Map<string, { count: number; readonly until: number }>()

  const forgetExpired = (now: number) => {
    for (const [subscriber, { until }] of failuresBySubscriber) {
      if (until > now) return
      failuresBySubscriber.delete(subscriber)
    }
  }

  const count = (subscriber: string, now: number) => {
    const known = failuresBySubscriber.get(subscriber)
    if (known !== undefined) {
      known.count++
      return
    }
    const [oldest] = failuresBySubscriber.keys()
    if (oldest !== undefined && failuresBySubscriber.size >= maxAddresses) failuresBySubscriber.delete(oldest)
    failuresBySubscriber.set(subscriber, { count: 1, until: now + period })
  }

  return {
    attempt: (address, login) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        forgetExpired(now)
        const subscriber = subscriberOf(address)
        const failures = failuresBySubscriber.get(subscriber)
        if (failures !== undefined && failures.count >= maxFailures) {
          return new LimitReached({ seconds: Math.ceil((failures.until - now) / 1000) })
        }
        const found = login()
        if (Option.isNone(found)) count(subscriber, now)
        return Effect.succeed(found)
      })
  }
})
