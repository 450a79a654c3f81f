/**
 * The exception classes of a case, made at run time.
 *
 * What descends from `HTTPException` is an error of the framework, with a status of its own. Here such a failure is an
 * `abort`, so the class only remembers its status and text.
 */
import { Either, Predicate } from "effect"
import { NotPlayable, type ExceptionClass } from "./format.js"
import type { Raised } from "./stepFormat.js"
import { evaluateText, type Names } from "./values.js"

type ErrorClass = new (message?: string, options?: ErrorOptions) => Error

export interface Class {
  readonly constructor: ErrorClass
  readonly http: { readonly status?: number | undefined; readonly description?: string | undefined } | undefined
}

export type Classes = ReadonlyMap<string, Class>

/** The classes, when there is one for every `exception` that the case names. */
export const make = (declarations: ReadonlyArray<ExceptionClass>, uses: unknown): Either.Either<Classes, NotPlayable> =>
  Either.flatMap(declareAll(declarations), (classes) => {
    const missing = namesIn(uses).find((name) => !classes.has(name))
    return missing === undefined ? Either.right(classes) : notPlayable(`there is no exception '${missing}'`)
  })

/** The class of this name. */
export const get = (classes: Classes, name: string): Class => {
  const found = classes.get(name)
  if (found === undefined) throw new Error(`The case declares no exception '${name}'`)
  return found
}

export const instance = (classes: Classes, { exception, text, caused_by }: Raised, names: Names): Error => {
  const { constructor: Thrown } = get(classes, exception)
  const message = text === undefined ? "" : evaluateText(text, names)
  return new Thrown(message, caused_by === undefined ? {} : { cause: instance(classes, caused_by, names) })
}

/** The exceptions that steps and registrations name. */
const namesIn = (value: unknown, member = ""): ReadonlyArray<string> => {
  if (!Predicate.isReadonlyRecord(value)) return Array.isArray(value) ? value.flatMap((item) => namesIn(item)) : []
  const { exception } = value
  const isNamed = value["do"] === "raise" || value["op"] === "exception" || ["error", "caused_by"].includes(member)
  const inside = Object.entries(value).flatMap(([name, inner]) => namesIn(inner, name))
  return isNamed && typeof exception === "string" ? [exception, ...inside] : inside
}

const declareAll = (declarations: ReadonlyArray<ExceptionClass>): Either.Either<Classes, NotPlayable> =>
  Either.gen(function* () {
    const classes = new Map<string, Class>([
      ["Error", { constructor: Error, http: undefined }],
      ["HTTPException", { constructor: extend("HTTPException", Error), http: {} }]
    ])
    for (const declaration of declarations) classes.set(declaration.name, yield* declare(declaration, classes))
    return classes
  })

const declare = (
  { name, extends: parentNames, status, description }: ExceptionClass,
  classes: Classes
): Either.Either<Class, NotPlayable> => {
  const parents: Array<Class> = []
  for (const parentName of parentNames) {
    const parent = classes.get(parentName)
    if (parent === undefined)
      return notPlayable(`the exception '${name}' extends '${parentName}', which is not declared`)
    parents.push(parent)
  }
  const http = parents.find((parent) => parent.http !== undefined)?.http
  const own = parents.filter((parent) => parent.http === undefined || parents.length === 1)
  const direct = own.filter(
    (parent) => !own.some((other) => other !== parent && other.constructor.prototype instanceof parent.constructor)
  )
  if (direct.length > 1) return notPlayable(`the exception '${name}' extends several classes, which JavaScript lacks`)
  return Either.right({
    constructor: extend(name, direct[0]?.constructor ?? Error),
    http:
      http === undefined ? undefined : { status: status ?? http.status, description: description ?? http.description }
  })
}

const notPlayable = (reason: string) => Either.left(new NotPlayable({ reason }))

const extend = (name: string, Parent: ErrorClass): ErrorClass => {
  // A class is named after the member that it is first assigned to.
  const Declared = { [name]: class extends Parent {} }[name]!
  Object.defineProperty(Declared.prototype, "name", { value: name })
  return Declared
}
