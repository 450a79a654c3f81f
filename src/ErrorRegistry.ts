/**
 * The errors and exceptions of one application, as a service.
 *
 * It starts with the built-in definitions. Extensions register theirs while the application is built; an application
 * overrides any definition explicitly. What is registered answers `HttpErrors`, and is plain data for documents.
 */
import { Context, Data, Effect, Either, Layer, Option } from "effect"
import * as ApiError from "./ApiError.js"
import { builtIns } from "./BuiltInErrors.js"
import { canonicalLanguage } from "./internal/accept.js"
import type { IsLiteral } from "./internal/literal.js"
import * as MessageTemplate from "./MessageTemplate.js"
import { Refusals, report, settle } from "./Registration.js"
import type { Conflict, ErrorProof, InvalidDefinition, Refusal, RegistrationConflict } from "./Registration.js"

/**
 * What one owner registers.
 *
 * @category models
 */
export interface Registration {
  /** Who registers, for messages: the name of an extension. */
  readonly owner: string
  readonly errors?: ReadonlyArray<ApiError.Any>
  readonly exceptions?: ReadonlyArray<ApiError.Exception<unknown, string>>
  /** Answers in place of the definition with the same id and status, or else of the status's default. */
  readonly overrides?: ReadonlyArray<ApiError.Any>
  readonly translations?: ReadonlyArray<Translation>
}

/**
 * The message of an error in another language.
 *
 * @category models
 */
export interface Translation {
  /** A language tag (BCP 47): `de`, `pt-BR`. */
  readonly language: string
  readonly error: ApiError.Any
  /** A message template with parameters of the error. */
  readonly text: string
}

/**
 * A registered error. The declaration itself is plain data: its id, status, template and field Schemas are read from it.
 *
 * @category models
 */
export interface Definition {
  readonly error: ApiError.Any
  readonly owner: string
  /** Whether it answers for its status where no id is given. */
  readonly isDefault: boolean
  /** The names of the exception classes that answer with it. */
  readonly exceptions: ReadonlyArray<string>
}

/**
 * @category models
 */
export interface Service {
  /** Registers what can be registered, also while the application runs, and returns what was refused. */
  readonly register: (registration: Registration) => Effect.Effect<ReadonlyArray<Refusal>>
  /**
   * Overrides of one status that all want to be its default. They are known only once everything is registered: an override
   * whose id is registered later replaces just that.
   */
  readonly undecided: Effect.Effect<ReadonlyArray<Refusal>>
  /** The error that answers for a failure or defect: by the most specific registered class, after overrides. */
  readonly errorOf: (failure: unknown) => ApiError.Any | undefined
  /** The error with this id and status or, without an id, the status's default: its first definition. */
  readonly errorFor: (status: number, id?: string) => ApiError.Any | undefined
  /** The message templates of an error by language, in lower case. The declared one is not among them. */
  readonly translationsOf: (error: ApiError.Any) => ReadonlyMap<string, MessageTemplate.MessageTemplate>
  /** Everything registered, in order of registration. */
  readonly definitions: Effect.Effect<ReadonlyArray<Definition>>
}

/**
 * @category services
 */
export class ErrorRegistry extends Context.Tag("effect-registrar/ErrorRegistry")<ErrorRegistry, Service>() {}

/**
 * A failure that chooses its answer at run time. Made by `abort`.
 *
 * @category failures
 */
export class Aborted extends Data.TaggedError("Aborted")<{
  readonly status: number
  readonly id?: string | undefined
  readonly description?: string | undefined
  readonly fields?: Readonly<Record<string, unknown>> | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
}> {
  override get message() {
    return `Aborted with ${this.status}${this.id === undefined ? "" : ` ${this.id}`}`
  }
}

/**
 * Ends the request with a status, and an id known only at run time.
 *
 * - With an `id` that is registered for the status: that error, with `fields`.
 * - With an unknown `id`: the status's default, and an Error in the application log.
 * - Without: the status's default; `description` takes the place of its message.
 * - Where a status has no definition, the id is made from the reason phrase (`i-m-a-teapot`).
 *
 * A status outside 400 to 599 is a mistake: `internal-server-error`, and an Error in the application log.
 *
 * @example
 * import { ErrorRegistry } from "effect-registrar"
 *
 * const teapot = ErrorRegistry.abort(418, { description: "No coffee here" })
 *
 * @category failures
 */
export const abort = (
  status: number,
  options?: {
    readonly id?: string | undefined
    readonly description?: string | undefined
    readonly fields?: Readonly<Record<string, unknown>> | undefined
    readonly headers?: Readonly<Record<string, string>> | undefined
  }
): Effect.Effect<never, Aborted> => new Aborted({ status, ...options })

/**
 * A registry with the built-in definitions.
 *
 * @category constructors
 */
export const make: Effect.Effect<Service> = Effect.sync(() => {
  const entryByKey = new Map<string, Entry>()
  const firstByStatus = new Map<number, Entry>()
  const overrideByKey = new Map<string, Entry>()
  // Errors under their own class, exceptions under theirs: a failure is looked up along its prototype chain.
  const answerByPrototype = new Map<object, Answering>()
  const translationsByError = new Map<ApiError.Any, Map<string, Translated>>()

  const addError = (owner: string, error: ApiError.Any): ReadonlyArray<Refusal> => {
    const known = entryByKey.get(keyOf(error))
    if (known?.error === error) return []
    const refused = known === undefined ? check(owner, error) : [conflict("error", nameOf(error), known.owner, owner)]
    if (refused.length > 0) return refused
    const entry = { owner, error }
    entryByKey.set(keyOf(error), entry)
    if (!firstByStatus.has(error.status)) firstByStatus.set(error.status, entry)
    answerByPrototype.set(error.prototype, { owner, error, className: error.id })
    return []
  }

  const addException = (
    owner: string,
    { exception, error }: ApiError.Exception<unknown, string>
  ): ReadonlyArray<Refusal> => {
    const className = exception.name
    if (error.status < 500) {
      return [
        invalid(owner, error.id, `the exception '${className}' must answer with a 5xx status, not ${error.status}`)
      ]
    }
    const known = answerByPrototype.get(exception.prototype)
    if (known !== undefined) {
      if (known.error === error) return []
      const taken = entryByKey.get(keyOf(error))
      return [
        conflict("exception", className, known.owner, owner),
        ...(taken === undefined || taken.error === error ? [] : [conflict("error", nameOf(error), taken.owner, owner)])
      ]
    }
    const refused = addError(owner, error)
    if (refused.length === 0) answerByPrototype.set(exception.prototype, { owner, error, className })
    return refused
  }

  const addOverride = (owner: string, error: ApiError.Any): ReadonlyArray<Refusal> => {
    const known = overrideByKey.get(keyOf(error))
    if (known?.error === error) return []
    const refused =
      known === undefined ? check(owner, error) : [conflict("override", nameOf(error), known.owner, owner)]
    if (refused.length > 0) return refused
    overrideByKey.set(keyOf(error), { owner, error })
    answerByPrototype.set(error.prototype, { owner, error, className: error.id })
    return []
  }

  const addTranslation = (owner: string, { language, error, text }: Translation): ReadonlyArray<Refusal> => {
    const tag = canonicalLanguage(language)?.toLowerCase()
    if (tag === undefined) return [invalid(owner, error.id, `'${language}' is not a language tag`)]
    const template = MessageTemplate.parse(text)
    if (Either.isLeft(template)) return [invalid(owner, error.id, template.left.message)]
    const strays = template.right.parameters.filter((name) => !Object.hasOwn(error.fields, name))
    if (strays.length > 0) {
      return strays.map((name) =>
        invalid(owner, error.id, `the message in '${tag}' names '{${name}}', which is not one of the fields`)
      )
    }
    const entries = translationsByError.get(error) ?? new Map<string, Translated>()
    const known = entries.get(tag)
    if (known !== undefined) {
      return known.text === text ? [] : [conflict("translation", `${nameOf(error)} in '${tag}'`, known.owner, owner)]
    }
    translationsByError.set(error, entries.set(tag, { ...template.right, owner }))
    return []
  }

  /** An override with an id that nobody registered: it takes the place of its status's default. */
  const newDefaultOf = (status: number): Entry | undefined => newDefaultsOf(status)[0]

  /** More than one is a conflict, unless the other ids are registered after all. */
  const newDefaultsOf = (status: number): ReadonlyArray<Entry> =>
    [...overrideByKey].filter(([key, { error }]) => error.status === status && !entryByKey.has(key)).map(([, e]) => e)

  const overridden = (error: ApiError.Any): ApiError.Any =>
    (
      overrideByKey.get(keyOf(error)) ??
      (firstByStatus.get(error.status)?.error === error ? newDefaultOf(error.status) : undefined)
    )?.error ?? error

  const errorOf = (failure: unknown): ApiError.Any | undefined => {
    if (typeof failure !== "object" || failure === null) return undefined
    // A failure may be a hostile proxy; it then has no class.
    try {
      for (let at: object | null = failure; (at = Object.getPrototypeOf(at)) !== null;) {
        const answering = answerByPrototype.get(at)
        if (answering !== undefined) return overrideByKey.size === 0 ? answering.error : overridden(answering.error)
      }
    } catch {
      return undefined
    }
    return undefined
  }

  const errorFor = (status: number, id?: string): ApiError.Any | undefined => {
    if (id !== undefined) {
      return (overrideByKey.get(`${status} ${id}`) ?? entryByKey.get(`${status} ${id}`))?.error
    }
    const first = firstByStatus.get(status)
    return first === undefined ? newDefaultOf(status)?.error : overridden(first.error)
  }

  const describe = (entries: ReadonlyArray<Entry>): ReadonlyArray<Definition> => {
    const exceptionsByError = new Map<ApiError.Any, ReadonlyArray<string>>()
    for (const { error, className } of answerByPrototype.values()) {
      if (className !== error.id) exceptionsByError.set(error, [...(exceptionsByError.get(error) ?? []), className])
    }
    return entries.map(({ owner, error }) => ({
      error,
      owner,
      isDefault: errorFor(error.status) === error,
      exceptions: exceptionsByError.get(error) ?? []
    }))
  }

  for (const error of builtIns) addError("effect-registrar", error)

  return {
    register: ({ owner, errors = [], exceptions = [], overrides = [], translations = [] }) =>
      Effect.sync(() => [
        ...errors.flatMap((error) => addError(owner, error)),
        ...exceptions.flatMap((exception) => addException(owner, exception)),
        ...overrides.flatMap((error) => addOverride(owner, error)),
        ...translations.flatMap((translation) => addTranslation(owner, translation))
      ]),
    undecided: Effect.sync(() =>
      [...new Set(Array.from(overrideByKey.values(), ({ error }) => error.status))].flatMap((status) => {
        const [first, ...others] = newDefaultsOf(status)
        return others.map(({ error, owner }) => conflict("override", nameOf(error), first?.owner ?? owner, owner))
      })
    ),
    errorOf,
    errorFor,
    translationsOf: (error) => translationsByError.get(error) ?? noTranslations,
    definitions: Effect.sync(() => {
      const replaced = [...entryByKey].map(([key, entry]) => overrideByKey.get(key) ?? entry)
      const added = [...overrideByKey].filter(([key]) => !entryByKey.has(key)).map(([, entry]) => entry)
      return describe([...replaced, ...added])
    })
  }
})

interface Entry {
  readonly owner: string
  readonly error: ApiError.Any
}

interface Answering extends Entry {
  readonly className: string
}

interface Translated extends MessageTemplate.MessageTemplate {
  readonly owner: string
}

const noTranslations: ReadonlyMap<string, MessageTemplate.MessageTemplate> = new Map()

const keyOf = (error: ApiError.Any) => `${error.status} ${error.id}`

const nameOf = (error: ApiError.Any) => `${error.id} (${error.status})`

const check = (owner: string, error: ApiError.Any) =>
  ApiError.problemsOf(error).map((problem) => invalid(owner, error.id, problem))

const invalid = (owner: string, name: string, problem: string): Refusal => ({ _tag: "Invalid", owner, name, problem })

const conflict = (kind: Conflict["kind"], name: string, first: string, second: string): Refusal => ({
  _tag: "Conflict",
  conflict: { kind, name, owners: [first, second] }
})

/**
 * @category layers
 */
export const layer: Layer.Layer<ErrorRegistry> = Layer.effect(ErrorRegistry, make)

/**
 * Overrides definitions: an error with the id and status of a registered one answers in its place; one with a new id becomes
 * the default of its status. The order in which Layers are built makes no difference.
 *
 * @example
 * import { ApiError, ErrorRegistry } from "effect-registrar"
 *
 * class NoSuchPage extends ApiError.make<NoSuchPage>()("not-found", { status: 404, message: "There is no such page" }) {}
 *
 * const overrides = ErrorRegistry.override(NoSuchPage)
 *
 * @category layers
 */
export const override = <const Errors extends ReadonlyArray<ApiError.Any>>(
  ...errors: Errors
): Layer.Layer<ErrorProof<InstanceType<Errors[number]>>, RegistrationConflict | InvalidDefinition, ErrorRegistry> =>
  // The proof exists for the compiler alone. Fresh, because each registry that it is built for must hear of it.
  Layer.fresh(
    Layer.effectDiscard(
      Effect.gen(function* () {
        const registry = yield* ErrorRegistry
        yield* report(yield* registry.register({ owner: application, overrides: errors }))
        // Where somebody gathers, there is also somebody who asks for these at the end.
        if (Option.isNone(yield* Effect.serviceOption(Refusals))) yield* settle(yield* registry.undecided)
      })
    )
  ) as Layer.Layer<never, RegistrationConflict | InvalidDefinition, ErrorRegistry> as never

/** Who registers what belongs to no extension. */
const application = "the application"

/**
 * The messages of errors in another language, for clients that prefer it in `Accept-Language`. Each text is a template with
 * the parameters of its error, which the compiler checks. An error without a text in the language keeps its own message.
 *
 * @example
 * import { ApiError, BuiltInErrors, ErrorRegistry, Extension } from "effect-registrar"
 * import { Layer } from "effect"
 *
 * class Locked extends ApiError.make<Locked>()("auth-locked", { status: 423, message: "{user} is locked" }) {}
 * const Auth = Extension.make("auth", { errors: [Locked] })
 *
 * const German = Layer.merge(
 *   ErrorRegistry.translation("de", Auth.errors, { "auth-locked": "{user} ist gesperrt" }),
 *   ErrorRegistry.translation("de", BuiltInErrors.builtIns, { "not-found": "Das gibt es hier nicht" })
 * )
 *
 * @category layers
 */
export const translation = <
  const Errors extends ReadonlyArray<ApiError.Any>,
  const Texts extends Readonly<Record<string, string>>
>(
  language: string,
  errors: Errors,
  texts: Texts & ApiError.Check<TranslationProblem<Errors[number], Texts>>
): Layer.Layer<never, RegistrationConflict | InvalidDefinition, ErrorRegistry> =>
  Layer.fresh(
    Layer.effectDiscard(
      Effect.gen(function* () {
        const registry = yield* ErrorRegistry
        const textById = new Map<string, string>(Object.entries<string>(texts))
        const translations = errors.flatMap((error) => {
          const text = textById.get(error.id)
          return text === undefined ? [] : [{ language, error, text }]
        })
        const strays = [...textById.keys()]
          .filter((id) => !errors.some((error) => error.id === id))
          .map((id) => invalid(application, id, "no error with this id is among those that are translated"))
        yield* report([...strays, ...(yield* registry.register({ owner: application, translations }))])
      })
    )
  )

/**
 * The sentence that says what is wrong with translations, or `never`.
 *
 * @category type-level
 */
export type TranslationProblem<Error extends ApiError.Any, Texts> = {
  readonly [Id in keyof Texts]: Id extends Error["id"]
    ? Texts[Id] extends infer Text extends string
      ? [MessageTemplate.Malformed<Text>] extends [never]
        ? MessageTemplate.Missing<Text, keyof Extract<Error, { readonly id: Id }>["fields"]>
        : MessageTemplate.Malformed<Text>
      : never
    : Id extends string
      ? IsLiteral<Id> extends false
        ? never
        : `No error with the id '${Id}' is among those that are translated`
      : never
}[keyof Texts]
