/**
 * Keeps templates to their variables.
 *
 * nunjucks lets a template reach `constructor`, and from there all of JavaScript. Every name and every member that a compiled
 * template looks up goes through two functions of its runtime; here they are replaced, for the whole process, by ones that
 * know own members only, and the methods of text, numbers and lists.
 */
import nunjucks from "nunjucks"

interface Runtime {
  memberLookup: (target: unknown, name: unknown) => unknown
  contextOrFrameLookup: (context: Context, frame: { lookup: (name: string) => unknown }, name: string) => unknown
}

interface Context {
  readonly ctx: Scope
  readonly env: { readonly globals: Scope }
}

type Scope = Readonly<Record<string, unknown>>

// What the types of nunjucks leave out.
const runtime = nunjucks.runtime as unknown as Runtime

runtime.contextOrFrameLookup = ({ ctx, env }, frame, name) =>
  frame.lookup(name) ?? [ctx, env.globals].find((scope) => Object.hasOwn(scope, name))?.[name]

runtime.memberLookup = (target, name) => {
  if (target === undefined || target === null) return undefined
  const key = String(name)
  // Text and numbers get the object that has their members.
  const object = Object(target) as Scope
  if (!Object.hasOwn(object, key) && !isMethod(object, key)) return undefined
  const value = object[key]
  return typeof value === "function" ? (...args: ReadonlyArray<unknown>): unknown => value.apply(target, args) : value
}

const isMethod = (object: object, key: string): boolean =>
  key !== "constructor" &&
  [String, Number, Array].some((kind) => object instanceof kind && Object.hasOwn(kind.prototype, key))

/** Templates find others through `source`; variables without a value are errors, and nothing is escaped. */
export const environment = (source: (name: string) => string | undefined): nunjucks.Environment => {
  const loader = {
    getSource: (name: string) => {
      const src = source(name)
      // nunjucks wants `null` for what is not there, and its types do not say so.
      return (src === undefined ? null : { src, path: name, noCache: true }) as nunjucks.LoaderSource
    }
  }
  return new nunjucks.Environment(loader, { autoescape: false, throwOnUndefined: true })
}
