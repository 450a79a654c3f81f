/**
 * The module loader of Node, as the commands need it.
 */
import { createRequire } from "node:module"
import { pathToFileURL } from "node:url"

/** The address of a module that is named as in an `import` of a file in this folder, or nothing. */
export const resolveFrom = (folder: string, name: string): string | undefined => {
  try {
    return pathToFileURL(createRequire(`${folder}/registrar.js`).resolve(name)).href
  } catch {
    // Packages for `import` alone are not found this way.
    return undefined
  }
}
