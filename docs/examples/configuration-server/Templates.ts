/**
 * Endpoints as Jinja-style templates. All of them are compiled once at the start, so that a mistake in their syntax is found
 * there; rendering reads what is on the disk now.
 */
import { Context, Data, Effect, Either, Layer, Option } from "effect"
import nunjucks from "nunjucks"
import { Endpoints, type Endpoint } from "./Endpoints.js"
import * as Sandbox from "./Sandbox.js"
import * as StartError from "./StartError.js"

export class TemplateRenderingError extends Data.TaggedError("TemplateRenderingError")<{
  readonly template: string
  readonly cause: unknown
}> {
  override get message() {
    return `The template '${this.template}' cannot be rendered`
  }
}

export class Templates extends Context.Tag("configuration-server/Templates")<
  Templates,
  {
    /** The text of the template. It may include other endpoints, by their names, up to a hundred times. */
    readonly render: (
      template: Endpoint,
      variables: Readonly<Record<string, unknown>>
    ) => Effect.Effect<string, TemplateRenderingError>
  }
>() {}

export const layer: Layer.Layer<Templates, StartError.StartError, Endpoints> = Layer.effect(
  Templates,
  Effect.gen(function* () {
    const endpoints = yield* Endpoints
    const templates = yield* Effect.mapError(endpoints.all, StartError.fromPlatform("The endpoint"))
    yield* Effect.forEach(templates, check)

    return {
      render: (template, variables) =>
        Effect.gen(function* () {
          // Rendering is synchronous and reading is not: what a template turns out to include is read, then it is rendered again.
          const textByName = new Map<string, string | undefined>()
          while (true) {
            const missing = new Set<string>()
            let includes = 0
            const environment = Sandbox.environment((name) => {
              // A template that includes itself would go on until the stack is full.
              if (++includes > maxIncludes) return ""
              if (!textByName.has(name)) missing.add(name)
              return textByName.get(name)
            })
            const rendered = renderNow(template, environment, variables)
            if (includes > maxIncludes) return yield* tooManyIncludes(template)
            if (missing.size === 0) return yield* rendered
            for (const name of missing) {
              const included = yield* endpoints.find(name.split("/"))
              textByName.set(name, Option.getOrUndefined(included)?.text)
            }
          }
        })
    }
  })
)

const maxIncludes = 100

const tooManyIncludes = ({ name }: Endpoint) =>
  new TemplateRenderingError({ template: name, cause: new Error(`It includes more than ${maxIncludes} templates`) })

const renderNow = (template: Endpoint, environment: nunjucks.Environment, variables: object) =>
  Either.try({
    try: () => new nunjucks.Template(template.text, environment, template.name).render(variables),
    catch: (cause) => new TemplateRenderingError({ template: template.name, cause })
  })

const check = ({ name, text }: Endpoint): Effect.Effect<void, StartError.StartError> => {
  const wrong = (problem: string) => new StartError.StartError({ subject: `The template '${name}'`, problem })
  if (text.includes("\uFFFD")) return wrong("is not text in UTF-8")
  return Effect.try({
    try: () => void new nunjucks.Template(text, Sandbox.environment(nothing), name, true),
    catch: (error) => wrong(`has a mistake in its syntax: ${messageOf(error)}`)
  })
}

const nothing = () => undefined

/** nunjucks puts the name on a first line, and the place, where it knows it. */
const messageOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).replace(/^\(.*?\)\s*/, "").replaceAll(/\s+/g, " ")
