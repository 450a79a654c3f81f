/**
 * Message templates: `"User '{user}' has loaded {path}"`.
 *
 * A template is plain text with parameters in braces. Its parameter names are part of its type, so a parameter that is
 * missing or misspelt is a compile error where the message is used. `{{` and `}}` are literal braces. A parameter may carry
 * a format, `{count:05d}`, in a subset of Python's format specification mini-language, because templates are carried over
 * from there; a value that does not fit its format is rendered without it. Rendering never fails.
 */
import { Data, Either } from "effect"
import { applyFormat, isFormat } from "./internal/formatSpec.js"
import { toText } from "./internal/jsonText.js"
import type { IsLiteral } from "./internal/literal.js"

/**
 * A parsed template.
 *
 * @category models
 */
export interface MessageTemplate {
  /** The text it was parsed from. */
  readonly text: string
  /** The names of the parameters, each once, in order of appearance. */
  readonly parameters: ReadonlyArray<string>
  /** Alternating literal text and parameters. */
  readonly parts: ReadonlyArray<string | Parameter>
}

/**
 * One `{name}` or `{name:format}`.
 *
 * @category models
 */
export interface Parameter {
  readonly name: string
  readonly format: string | undefined
}

/**
 * The text is not a template: an unclosed or stray brace, or a name that is empty or reserved.
 *
 * @category errors
 */
export class MalformedTemplate extends Data.TaggedError("MalformedTemplate")<{
  readonly text: string
  readonly problem: string
}> {
  override get message() {
    return `The template '${this.text}' is malformed: ${this.problem}`
  }
}

/**
 * Parses a template that is known only at run time.
 *
 * @example
 * import { MessageTemplate } from "effect-registrar"
 * import { Either } from "effect"
 *
 * const template = Either.getOrThrow(MessageTemplate.parse("{user} has read {path}"))
 * console.log(template.parameters) // [ 'user', 'path' ]
 *
 * @category constructors
 */
export const parse = (text: string): Either.Either<MessageTemplate, MalformedTemplate> => {
  const malformed = (problem: string) => Either.left(new MalformedTemplate({ text: toText(text), problem }))
  if (typeof text !== "string") return malformed("it is not text")

  const parts: Array<string | Parameter> = []
  let literal = ""
  let at = 0
  while (at < text.length) {
    const char = text[at]!
    if ((char === "{" || char === "}") && text[at + 1] === char) {
      literal += char
      at += 2
    } else if (char === "}") {
      return malformed("there is a stray '}'; write '}}' for a literal brace")
    } else if (char === "{") {
      const end = text.indexOf("}", at)
      if (end === -1) return malformed("a '{' is never closed; write '{{' for a literal brace")
      const inside = text.slice(at + 1, end)
      if (inside.includes("{")) return malformed(`there is a '{' inside the parameter '{${inside}}'`)
      const colon = inside.indexOf(":")
      const name = colon === -1 ? inside : inside.slice(0, colon)
      if (name === "") return malformed("a parameter has no name")
      const reserved = /[.[\]!]/.exec(name)
      if (reserved !== null) return malformed(`the parameter name '${name}' has a '${reserved[0]}' in it`)
      const format = colon === -1 ? undefined : inside.slice(colon + 1)
      if (format !== undefined && !isFormat(format))
        return malformed(`the format '${format}' of '{${name}}' is not known`)
      if (literal !== "") parts.push(literal)
      literal = ""
      parts.push({ name, format })
      at = end + 1
    } else {
      literal += char
      at += 1
    }
  }
  if (literal !== "") parts.push(literal)

  const parameters = new Set<string>()
  for (const part of parts) if (typeof part !== "string") parameters.add(part.name)
  return Either.right({ text, parameters: [...parameters], parts })
}

/**
 * The parameters of a template; none, where it is malformed.
 *
 * @internal
 */
export const parametersOf = (template: Either.Either<MessageTemplate, MalformedTemplate>): ReadonlyArray<string> =>
  Either.isRight(template) ? template.right.parameters : []

/**
 * Fills in the parameters. Text stays as it is; other values appear in their JSON form, a parameter without a value as
 * `null`. Braces in values are not expanded. Total: whatever the values are, it returns a string.
 *
 * @example
 * import { MessageTemplate } from "effect-registrar"
 * import { Either } from "effect"
 *
 * const template = Either.getOrThrow(MessageTemplate.parse("{user} has {count:03d} tries left"))
 * console.log(MessageTemplate.render(template, { user: "ada", count: 7 })) // ada has 007 tries left
 *
 * @category rendering
 */
export const render = (template: MessageTemplate, params: Readonly<Record<string, unknown>>): string => {
  let out = ""
  for (const part of template.parts) {
    if (typeof part === "string") {
      out += part
      continue
    }
    const value = Object.hasOwn(params, part.name) ? params[part.name] : undefined
    out += part.format === undefined ? toText(value) : applyFormat(value, part.format)
  }
  return out
}

/**
 * The parameter names of a template, as a union of literals; `string` where the template is known only at run time.
 *
 * @category type-level
 */
export type Parameters<Text extends string> = IsLiteral<Text> extends true ? ParametersOf<Text, never> : string

/**
 * The sentence that says what is wrong with a template, or `never`.
 *
 * @category type-level
 */
export type Malformed<Text extends string> = IsLiteral<Text> extends true ? ProblemOf<Text> : never

/**
 * The sentence that says which parameter of a template is not among the names, or `never`.
 *
 * @category type-level
 */
export type Missing<Text extends string, Names> =
  IsLiteral<Text> extends false
    ? never
    : Exclude<Parameters<Text>, Names> extends infer Name extends string
      ? `The message names '{${Name}}', which is not one of the fields`
      : never

type ParametersOf<Text extends string, Names> = Text extends `${string}{${infer Rest}`
  ? Rest extends `{${infer Literal}`
    ? ParametersOf<Literal, Names>
    : Rest extends `${infer Inside}}${infer Tail}`
      ? ParametersOf<Tail, Names | NameOf<Inside>>
      : Names
  : Names

type NameOf<Inside extends string> = Inside extends `${infer Name}:${string}` ? Name : Inside

type ProblemOf<Text extends string> = Text extends `${infer Before}{${infer Rest}`
  ? StrayBrace<Before> extends true
    ? `The template has a stray '}': write '}}' for a literal brace`
    : Rest extends `{${infer Literal}`
      ? ProblemOf<Literal>
      : Rest extends `${infer Inside}}${infer Tail}`
        ? Inside extends `${string}{${string}`
          ? `The template has a '{' inside the parameter '{${Inside}}'`
          : NameOf<Inside> extends ""
            ? `The template has a parameter without a name`
            : NameOf<Inside> extends `${string}${"." | "[" | "]" | "!"}${string}`
              ? `The parameter name '${NameOf<Inside>}' must not contain '.', '[', ']' or '!'`
              : ProblemOf<Tail>
        : `The template has a '{' that is never closed: write '{{' for a literal brace`
  : StrayBrace<Text> extends true
    ? `The template has a stray '}': write '}}' for a literal brace`
    : never

type StrayBrace<Text extends string> = Text extends `${string}}${infer After}`
  ? After extends `}${infer Rest}`
    ? StrayBrace<Rest>
    : true
  : false
