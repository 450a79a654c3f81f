/**
 * Who and where, for one request or one job: `ip`, `path`, `user` and `requestId`.
 *
 * `HttpAudit` gives every request its context, without a user; authentication fills the user in, with `withUser` for what runs
 * inside, or with `identify` for the rest of the request. A job that wants to be found in the trail provides a context of its own.
 *
 * @example
 * import { AuditContext } from "effect-registrar"
 * import { Effect } from "effect"
 *
 * const job = Effect.gen(function* () {
 *   const context = yield* AuditContext.AuditContext
 *   return context.user
 * })
 *
 * console.log(
 *   Effect.runSync(job.pipe(AuditContext.withUser("ada"), Effect.provide(AuditContext.layer({ path: "nightly-cleanup" }))))
 * ) // ada
 */
import { Context, Effect, Layer } from "effect"

/**
 * @category models
 */
export interface Service {
  /** Where the request came from, an IP address; behind proxies, as far as they are trusted. */
  readonly ip?: string | undefined
  /** The path of the request as it was sent, without the query. For a job, its name. */
  readonly path?: string | undefined
  /** Who acts, once that is known. */
  readonly user?: string | undefined
  /** What ties together the records, the log lines and the answer of one request, or of one run of a job. */
  readonly requestId?: string | undefined
}

/**
 * @category services
 */
export class AuditContext extends Context.Tag("effect-registrar/AuditContext")<AuditContext, Service>() {}

/**
 * A context for what has no request.
 *
 * @category layers
 */
export const layer = (context: Service): Layer.Layer<AuditContext> => Layer.sync(AuditContext, () => make(context))

/**
 * A context of its own, which `identify` may name the user of.
 *
 * @category constructors
 */
export const make = (context: Service): Service => new Own(context)

/** A context that belongs to one request or one run, and is not shared with others. */
class Own implements Service {
  declare readonly ip?: string | undefined
  declare readonly path?: string | undefined
  declare user?: string | undefined
  declare readonly requestId?: string | undefined

  constructor(context: Service) {
    Object.assign(this, context)
  }
}

/**
 * Names the user for everything that runs inside. Events added before keep what was known then.
 *
 * @category combinators
 */
export const withUser =
  (user: string) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.flatMap(Effect.serviceOption(AuditContext), (current) =>
      Effect.provideService(effect, AuditContext, make({ ...(current._tag === "Some" ? current.value : {}), user }))
    )

/**
 * Names the user for the rest of the request, or of whatever else the context was made for: where nothing runs inside, as in an
 * `HttpApiMiddleware`. Events added before keep what was known then. Inside of `withUser` it holds to the end of that. It does
 * nothing without a context, and where the context was not made by `make` or `layer`: others may share it.
 *
 * @example
 * import { AuditContext } from "effect-registrar"
 * import { Effect } from "effect"
 *
 * const job = Effect.gen(function* () {
 *   yield* AuditContext.identify("ada")
 *   return (yield* AuditContext.AuditContext).user
 * })
 *
 * console.log(Effect.runSync(Effect.provide(job, AuditContext.layer({ path: "nightly-cleanup" })))) // ada
 *
 * @category combinators
 */
export const identify = (user: string): Effect.Effect<void> =>
  Effect.map(Effect.serviceOption(AuditContext), (current) => {
    if (current._tag === "Some" && current.value instanceof Own) current.value.user = user
  })

/**
 * Forgets whom the effect has identified, where it fails: who was known before is known again.
 *
 * @internal
 */
export const forgettingOnFailure = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(Effect.serviceOption(AuditContext), (current) => {
    if (current._tag === "None" || !(current.value instanceof Own)) return effect
    const own = current.value
    const before = { ...own }
    return Effect.onError(effect, () =>
      Effect.sync(() => {
        delete own.user
        Object.assign(own, before)
      })
    )
  })
