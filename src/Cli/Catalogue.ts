/**
 * `catalogue`: a document about the errors and audit events of a module's extensions and apis.
 */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as FileSystem from "@effect/platform/FileSystem"
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
      Args.withDescription(
        "A file or package that exports extensions, or apis made with RegisteredApi.make, by themselves or in a list"
      ),
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
        return yield* new CliError({
          description: "Give one module that exports extensions or apis, or 'diff': see --help"
        })
      }
      const located = yield* Module.locate(module)
      yield* leaveModule(output, located)
      const { extensions, apis } = yield* Module.load(located)
      const Catalogue = yield* load
      const catalogue = yield* Effect.mapError(
        Catalogue.fromExtensions(extensions, apis),
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
  Command.withDescription("Documents the errors and audit events of a module's extensions, and the errors of its apis"),
  Command.withSubcommands([CatalogueDiff.command])
)

/** Opening the output would empty it. */
const leaveModule = (output: Option.Option<string>, { file, name }: Module.Located) =>
  Effect.gen(function* () {
    if (Option.isNone(output) || file === undefined) return
    const fs = yield* FileSystem.FileSystem
    const path = yield* Effect.orElseSucceed(fs.realPath(output.value), () => undefined)
    if (path === file) {
      return yield* new CliError({
        description: `'${output.value}' is the module '${name}' itself: give another file as --output`
      })
    }
  })

/** A heading with a colon, and a list under it. */
const onOneLine = (message: string): string => message.replace("\n- ", " ").replaceAll("\n- ", "; ")
