/**
 * Whether the compiler knows a text: it does not know `string`, nor a pattern like `plugin-${string}`. What it proves of a
 * text that it does not know, it would prove of every text that fits.
 */
export type IsLiteral<Text extends string> = false extends KnowsEach<Text> ? false : true

type KnowsEach<Text extends string> = Text extends unknown ? ({} extends Record<Text, 0> ? false : true) : never
