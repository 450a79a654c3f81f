/**
 * A YAML file, read as what a Schema says.
 *
 * What is wrong with it is told by its place and kind, never by its content: some of these files hold secrets.
 */
import { FileSystem } from "@effect/platform"
import type { PlatformError } from "@effect/platform/Error"
import { Data, Effect, ParseResult, Predicate, Schema } from "effect"
import { LineCounter, parseDocument } from "yaml"

export class YamlSyntaxError extends Data.TaggedError("YamlSyntaxError")<{
  readonly path: string
  readonly problem: string
}> {
  override get message() {
    return `The file '${this.path}' is not valid YAML: ${this.problem}`
  }
}

export class YamlFormatError extends Data.TaggedError("YamlFormatError")<{
  readonly path: string
  readonly problem: string
}> {
  override get message() {
    return `The file '${this.path}' does not have the right form: ${this.problem}`
  }
}

/** An empty file counts as one without any member. */
export const read = <A, I>(
  path: string,
  schema: Schema.Schema<A, I>
): Effect.Effect<A, YamlSyntaxError | YamlFormatError | PlatformError, FileSystem.FileSystem> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const contents = (yield* parse(path, yield* fs.readFileString(path))) ?? {}
    if (!Predicate.isRecord(contents)) return yield* new YamlFormatError({ path, problem: "it has no 'name: value'" })
    return yield* Schema.decodeUnknown(schema)(contents, { errors: "all", onExcessProperty: "error" }).pipe(
      Effect.mapError((error) => new YamlFormatError({ path, problem: problemsOf(error) }))
    )
  })

const parse = (path: string, text: string): Effect.Effect<unknown, YamlSyntaxError> =>
  Effect.suspend(() => {
    const lines = new LineCounter()
    // The pretty messages quote the line.
    const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
    const [error] = document.errors
    if (error === undefined) {
      return Effect.try({
        try: () => document.toJS() as unknown,
        catch: () => new YamlSyntaxError({ path, problem: "an alias leads nowhere, or to too much" })
      })
    }
    const { line, col } = lines.linePos(error.pos[0])
    const kind = error.code.toLowerCase().replaceAll("_", " ")
    return new YamlSyntaxError({ path, problem: `line ${line}, column ${col}: ${kind}` })
  })

/** What does not fit a Schema, and what was expected there. */
export const problemsOf = (error: ParseResult.ParseError): string =>
  ParseResult.ArrayFormatter.formatErrorSync(error)
    .map(({ path, message }) => {
      const expected = message.replace(/, actual [^]*$/, "")
      return path.length === 0 ? expected : `${path.map(String).join(".")}: ${expected}`
    })
    .join("; ")
