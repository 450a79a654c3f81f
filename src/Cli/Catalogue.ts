/**
 * `catalogue`: a document about the errors and audit events of a module's extensions.
 */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { Effect, Option } from "effect"
import * as CatalogueDiff from "./CatalogueDiff.js"
import { CliError } from "./CliError.js"
import * as Files from "./Files.js"
import { load } from "./Library.js"
import * as Module from "./Module.js"
import * as Output from "./Output.js"

export const command = Command.make(
  "catalogue",
  {
    // One more is refused below: unknown options come as modules.
    modules: Args.text({ name: "MODULE" }).pipe(
      Args.withDescription("A file or package that exports extensions, by themselves or in a list"),
      Args.repeated
    ),
    format: Options.choice("format", ["md", "html", "json"]).pipe(
      Options.withDefault("md"),
      Options.withDescription("md: Markdown. html: one page that needs no other file. json: for diff, and for programs")
    ),
    output: Output.option,
    title: Options.text("title").pipe(Options.withDescription("What the document is called"), Options.optional)
  },
  ({ modules, format, output, title }) =>
    Effect.gen(function* () {
      yield* Files.check(modules)
      const [module, ...others] = modules
      if (module === undefined || others.length > 0) {
        return yield* new CliError({ description: "Give one module that exports extensions, or 'diff': see --help" })
      }
      const extensions = yield* Module.extensionsOf(module)
      const Catalogue = yield* load
      const catalogue = yield* Effect.mapError(
        Catalogue.fromExtensions(extensions),
        (cause) => new CliError({ description: onOneLine(cause.message), cause })
      )
      const options = { title: Option.getOrUndefined(title) }
      const document = {
        md: () => Catalogue.toMarkdown(catalogue, options),
        html: () => Catalogue.toHtml(catalogue, options),
        json: () => Catalogue.toJson(catalogue)
      }[format]()
      const write = yield* Output.open(output)
      yield* write(document)
    }).pipe(Effect.scoped)
).pipe(
  Command.withDescription("Documents the errors and audit events of a module's extensions"),
  Command.withSubcommands([CatalogueDiff.command])
)

/** A heading with a colon, and a list under it. */
const onOneLine = (message: string): string => message.replace("\n- ", " ").replaceAll("\n- ", "; ")
