/**
 * The cases in which we differ from the original on purpose, and why. Every other case matches, and every one of these
 * does not.
 */
export const differences: Readonly<Record<string, string>> = {
  // What the client is told.
  "builtin/text-description-ignored": "The text that a handler gives to abort is what the client reads.",
  "builtin/500-id-in-abort-ignored": "An id registered for 500 can be chosen like that of any other status.",
  "abort/unknown-id-registered-code":
    "A wrong id is the program's mistake, not the client's affair: the client gets the status that was meant, with its default answer, and the application log names the id.",
  "abort/id-of-another-code":
    "A wrong id is the program's mistake, not the client's affair: the client gets the status that was meant, with its default answer, and the application log names the id.",
  "abort/null-and-odd-ids":
    "What is no text is no registered id either: the client gets the status that was meant, and the application log names the id.",
  "abort/unregistered-with-id":
    "The message is always text, never an object: the client gets the status's own sentence, and the application log names the id that nobody registered.",
  "abort/slug-punctuation":
    "413 is defined from the start here, because the library itself answers with it, under the name that the status has had since RFC 9110: content-too-large.",
  "abort/unknown-status":
    "Every status from 400 to 599 can be answered, also one that has no class in some framework. What is no error status is an internal error in both, and the application log names it.",
  "abort/headers-lost": "Retry-After, WWW-Authenticate and Allow arrive.",
  "abort/in-after-hook": "An abort is answered as registered wherever it happens, and is no exception to be logged.",
  "abort/message-not-text":
    "A message is text in every answer, so that clients can rely on it: anything else is refused when it is registered.",
  "routing/method-not-allowed":
    "Allow arrives, which RFC 9110 requires with 405. A method that the server's parser does not know (BREW) is a bad request: it never reaches a route.",
  "routing/head-and-options": "Allow arrives with 405, which RFC 9110 requires.",
  "audit/unmatched-path-before-hook": "Allow arrives with 405, which RFC 9110 requires.",
  "body/malformed-json": "Where the request does not fit, and why, stands in details.issues.",
  "body/malformed-json-own-id": "Where the request does not fit, and why, stands in details.issues.",
  "body/deeply-nested":
    "A body that is no JSON is the client's mistake however deep it is nested: 400, and nothing to log.",

  // Exceptions.
  "exception/parent-first": "The most specific registered class answers, whatever was registered first.",
  "exception/catch-all":
    "A wrong id or audit type in a call is logged and does not become an exception, so there is nothing for the catch-all to catch: the request goes on.",
  "exception/raised-in-after-hook":
    "The hook runs once, its exception is logged once, and the request's audit events are written.",
  "exception/http-subclass-500-and-registration":
    "An error of the framework is an abort: its text reaches the client, and nothing fails on the way.",

  // Registration.
  "register/odd-codes":
    "What is no status of an error can never be answered with, and is refused when it is registered.",
  "register/two-apps-are-separate":
    "Two applications share nothing: neither receives the other's log lines. An unregistered event is logged and the request goes on.",

  // Audit events.
  "audit/missing-field":
    "A mistake in an audit call is logged as an error, and the handler does what it is there for. Where types are known, it does not compile.",
  "audit/template-names-line-members":
    "As in audit/missing-field: the missing parameters are logged as an error, and the handler goes on.",
  "audit/unknown-type":
    "A mistake in an audit call is logged as an error, and the handler goes on: the events after it are written, too.",
  "audit/override-ip-path-user": "No parameter can overwrite who and where: ip, path and user are the request's own.",
  "audit/teardown-adds": "No event is lost, also one that is added at the very end of a request.",
  "level/between-and-odd-numbers":
    "Levels are the five names that readers of the log know. A number in between is the highest of them that it reaches.",
  "level/by-name": "Levels are given by name, as the original's documentation says, and the events are written once.",
  "template/format-mismatch":
    "A value that does not fit its format appears without it: the event is written, and the client gets its answer.",
  "template/conversion":
    "Conversions render a value as Python source text. A template that asks for one is refused when it is registered, and not rendered differently than it says.",
  "template/attribute-and-index":
    "A template that could never be filled in is refused when it is registered, not when it is used.",
  "template/positional":
    "A parameter without a name is refused when it is registered, not when it is used; a missing one does not fail the request.",
  "template/nested-spec":
    "A parameter inside a format is refused when it is registered: it would be required without being seen.",
  "write-failure/earlier-events-doubled": "Every event is written, once and in order, and the client gets its answer.",
  "write-failure/during-abort":
    "Every event is written, once and in order, and the client gets the answer of the abort.",
  "value/not-finite": "Every line is valid JSON: numbers that JSON lacks are written as text.",
  "value/no-json-form": "No event is lost because of what it carries: every value has a JSON form.",
  "value/circular": "No event is lost because of what it carries: a value inside itself is written as such.",

  // Sinks and the application log.
  "sink/console-and-file": "The sink called stdout writes to standard output.",
  "rotation/backups": "The names of old files grow with time and stay, so that no rotation renames more than one file.",
  "rotation/concurrent":
    "The names of old files grow with time and stay, so that no rotation renames more than one file.",
  "rotation/multibyte": "The size limit counts bytes, so that no file grows beyond it.",
  "app-log/levels":
    "Levels are the five names that readers of the log know. A number in between is the highest of them that it reaches.",
  "app-log/error-flag-without-error": "No line is lost: without an error its members are null.",
  "app-log/arguments": "No line is lost: what does not fit its place in the text is shown as it is.",
  "app-log/loggers":
    "Whatever the program logs is in the application log, an extension's lines included, each with the module that wrote it."
}
