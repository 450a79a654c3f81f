/**
 * Everything that an application can answer with and record, as plain data, and as documents made of it: Markdown for a
 * repository, HTML for people, JSON for programs.
 *
 * It is read from the registries of an application that runs, or made from its extensions without one. `layer` serves it, so
 * that the `type` of a problem detail (RFC 9457) is the address of a page about it. `diff` says what changed from one release to
 * the next, and what of it breaks clients.
 *
 * @example
 * import { ApiError, Catalogue, Extension } from "effect-registrar"
 * import { Effect } from "effect"
 *
 * class Locked extends ApiError.make<Locked>()("auth-locked", { status: 423, message: "The account is locked" }) {}
 *
 * const Auth = Extension.make("auth", { errors: [Locked] })
 *
 * const catalogue = Effect.runSync(Catalogue.fromExtensions([Auth]))
 * console.log(catalogue.errors[0]?.id, catalogue.errors[0]?.status) // auth-locked 423
 */
import { HttpLayerRouter, HttpRouter, HttpServerRequest, HttpServerResponse, type HttpApi } from "@effect/platform"
import { Context, Data as EffectData, Effect, Either, Encoding, type Layer, Schema } from "effect"
import * as AuditRegistry from "./AuditRegistry.js"
import { NotFound } from "./BuiltInErrors.js"
import * as Data from "./Catalogue/Data.js"
import * as Describe from "./Catalogue/Describe.js"
import * as Diff from "./Catalogue/Diff.js"
import * as Html from "./Catalogue/Html.js"
import * as Markdown from "./Catalogue/Markdown.js"
import { policy } from "./Catalogue/Page.js"
import type { Options } from "./Catalogue/Words.js"
import * as ErrorRegistry from "./ErrorRegistry.js"
import * as Extension from "./Extension.js"
import { prefersJson } from "./internal/accept.js"
import * as Anchors from "./internal/anchors.js"
import { legible } from "./internal/legible.js"
import * as RegisteredApi from "./RegisteredApi.js"
import { settle, type InvalidDefinition, type RegistrationConflict } from "./Registration.js"

export type {
  /**
   * One thing that changed.
   *
   * @category models
   */
  Change
} from "./Catalogue/Diff.js"

export type {
  /**
   * An error with one status.
   *
   * @category models
   */
  ErrorEntry,
  /**
   * An audit event.
   *
   * @category models
   */
  EventEntry
} from "./Catalogue/Data.js"

export type {
  /**
   * How a document is made.
   *
   * @category models
   */
  Options
} from "./Catalogue/Words.js"

/**
 * The catalogue as data, and its JSON form. Entries are in the order of the extensions, as these registered, what is built in
 * last; errors then by status and id, audit events by type.
 *
 * @category models
 */
export const Catalogue: typeof Data.Catalogue = Data.Catalogue

/**
 * @category models
 */
export interface Catalogue extends Data.Catalogue {}

/**
 * Of what is registered now, with overrides in the place of what they override.
 *
 * @category constructors
 */
export const make: Effect.Effect<Catalogue, never, ErrorRegistry.ErrorRegistry | AuditRegistry.AuditRegistry> =
  Effect.gen(function* () {
    const errors = yield* ErrorRegistry.ErrorRegistry
    const auditEvents = yield* AuditRegistry.AuditRegistry
    return Describe.catalogue(yield* errors.definitions, yield* auditEvents.definitions)
  })

/**
 * Of these extensions, the errors that these apis declare, and what is built in, in registries of their own. Fails where an
 * application with them would not start, with everything that is wrong.
 *
 * An api is the owner of those errors that no extension has.
 *
 * @category constructors
 */
export const fromExtensions = (
  extensions: ReadonlyArray<Extension.Any>,
  apis: ReadonlyArray<HttpApi.HttpApi.Any> = []
): Effect.Effect<Catalogue, RegistrationConflict | InvalidDefinition> =>
  Effect.gen(function* () {
    const ofExtensions = yield* Effect.forEach(extensions, Extension.registerAll)
    const registry = yield* ErrorRegistry.ErrorRegistry
    const ofApis = yield* Effect.forEach(apis, (api) => {
      const { owner, errors, refusals } = RegisteredApi.registrationOf(api)
      return Effect.map(registry.register({ owner, errors }), (refused) => [...refusals, ...refused])
    })
    yield* settle([...ofExtensions, ...ofApis].flat())
    return yield* make
  }).pipe(
    Effect.provideServiceEffect(ErrorRegistry.ErrorRegistry, ErrorRegistry.make),
    Effect.provideServiceEffect(AuditRegistry.AuditRegistry, AuditRegistry.make)
  )

/**
 * As JSON, to be kept for `diff`. The same catalogue always has the same text.
 *
 * @category documents
 */
export const toJson = (catalogue: Catalogue): string =>
  // What cannot be seen stands only in its texts, and there an escape is the same.
  `${legible(JSON.stringify(encode(catalogue), undefined, 2))}\n`

const encode = Schema.encodeSync(Catalogue)

/**
 * The text is no catalogue: no JSON, or of another form or version. `description` says which.
 *
 * @category errors
 */
export class InvalidCatalogue extends EffectData.TaggedError("InvalidCatalogue")<{ readonly description: string }> {
  override get message() {
    return this.description
  }
}

/**
 * From its JSON, of this version of the format.
 *
 * @category documents
 */
export const fromJson = (json: string): Either.Either<Catalogue, InvalidCatalogue> =>
  Either.mapLeft(Data.parse(json), (description) => new InvalidCatalogue({ description }))

/**
 * As Markdown, for a repository: it has a table of all, and a section for each.
 *
 * @category documents
 */
export const toMarkdown = (catalogue: Catalogue, options?: Options): string => Markdown.render(catalogue, options)

/**
 * As one page that needs no other file.
 *
 * @category documents
 */
export const toHtml = (catalogue: Catalogue, options?: Options): string => Html.document(catalogue, options)

/**
 * What changed, first that which breaks clients, or readers of the audit trail: what is not there any more, has another status
 * or type, or may be missing now.
 *
 * @category comparison
 */
export const diff = (before: Catalogue, after: Catalogue): ReadonlyArray<Diff.Change> => Diff.diff(before, after)

/**
 * @category models
 */
export interface LayerOptions extends Options {
  /** Where the pages are, such as `/docs` for `/docs/errors`; default: at the root. */
  readonly prefix?: `/${string}` | undefined
}

/**
 * Serves the catalogue of the application it is in: pages at `/errors`, `/errors/:id`, `/audit-events` and `/audit-events/:type`,
 * and the JSON of `toJson` at `/catalogue.json`. To a client that prefers JSON the lists answer with that as well, and the
 * others with a catalogue of the one id. What is registered later appears; an unknown id is `not-found`.
 *
 * Whoever reaches the routes can read the templates and Schemas of all errors and audit events, and no values.
 *
 * @example
 * import { Catalogue, Registrar } from "effect-registrar"
 *
 * const app = Registrar.serve(Catalogue.layer({ title: "Configuration server" }))
 *
 * @category layers
 */
export const layer = (
  options: LayerOptions = {}
): Layer.Layer<
  never,
  never,
  | HttpLayerRouter.HttpRouter
  | HttpLayerRouter.Request<"Error", NotFound>
  | ErrorRegistry.ErrorRegistry
  | AuditRegistry.AuditRegistry
> =>
  HttpLayerRouter.addAll(
    Effect.map(Effect.context<ErrorRegistry.ErrorRegistry | AuditRegistry.AuditRegistry>(), (registries) => {
      const current = Effect.provide(make, registries)
      const knownErrors = Context.get(registries, ErrorRegistry.ErrorRegistry)
      const knownEvents = Context.get(registries, AuditRegistry.AuditRegistry)
      const get = (path: `/${string}`, answer: Answer) =>
        HttpLayerRouter.route("GET", path, Effect.flatMap(current, answer))
      // Whoever guesses names does not make the server describe everything.
      const getOne = (path: `/${string}/:name`, isKnown: (name: string) => boolean, answer: AnswerOne) =>
        HttpLayerRouter.route(
          "GET",
          path,
          Effect.flatMap(HttpRouter.params, ({ name = "" }) =>
            isKnown(name)
              ? Effect.flatMap(current, (all) => answer(all, Anchors.segment(name)))
              : Effect.fail(new NotFound())
          )
        )
      return [
        get("/errors", (all) => answerEither(Html.errors(all, options), all)),
        get("/audit-events", (all) => answerEither(Html.auditEvents(all, options), all)),
        get("/catalogue.json", (all) => send("application/json", toJson(all))),
        getOne(
          "/errors/:name",
          (id) => statuses.some((status) => knownErrors.errorFor(status, id) !== undefined),
          (all, name) => {
            const errors = all.errors.filter(({ id }) => Anchors.segment(id) === name)
            return answerEither(Html.error(all, errors, options), { ...all, errors, auditEvents: [] })
          }
        ),
        getOne(
          "/audit-events/:name",
          (type) => knownEvents.eventOf(type) !== undefined,
          (all, name) => {
            const auditEvents = all.auditEvents.filter(({ type }) => Anchors.segment(type) === name)
            return answerEither(Html.auditEvent(all, auditEvents, options), { ...all, errors: [], auditEvents })
          }
        )
      ] as const
    }),
    options
  )

type Answered = Effect.Effect<HttpServerResponse.HttpServerResponse, never, HttpServerRequest.HttpServerRequest>
type Answer = (catalogue: Catalogue) => Answered
type AnswerOne = (catalogue: Catalogue, name: string) => Answered

/** All that an error can have. */
const statuses = Array.from({ length: 200 }, (_, nth) => 400 + nth)

const answerEither = (html: string, catalogue: Catalogue) =>
  Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ headers }) =>
    prefersJson(headers["accept"])
      ? send("application/json", toJson(catalogue))
      : send("text/html; charset=utf-8", html)
  )

const send = (contentType: string, text: string) =>
  Effect.gen(function* () {
    const { headers } = yield* HttpServerRequest.HttpServerRequest
    const bytes = new TextEncoder().encode(text)
    const hash = yield* Effect.promise(() => crypto.subtle.digest("SHA-256", bytes))
    const etag = `"${Encoding.encodeBase64Url(new Uint8Array(hash))}"`
    const common = { etag, vary: "accept", "cache-control": "no-cache" }
    // What is not changed is not sent again; whoever keeps it asks each time.
    if (headers["if-none-match"]?.includes(etag) === true) {
      return HttpServerResponse.empty({ status: 304, headers: common })
    }
    return HttpServerResponse.uint8Array(bytes, {
      contentType,
      headers: {
        ...common,
        "content-security-policy": `${policy}; frame-ancestors 'none'`,
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff"
      }
    })
  })
