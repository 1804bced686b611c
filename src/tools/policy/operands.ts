const LONG_WITH_VALUE =
  /^--(include|exclude(-dir|-from)?|glob|iglob|type|max-count|context|(after|before)-context|file|regexp|ignore(-dir|-file)?|target-directory|suffix)$/;

/** The arguments that are neither options nor their values; `valued`: letters of options that take one. */
export function listOperands(args: readonly string[], valued: string): string[] {
  const takesNext = (arg = ""): boolean =>
    arg.startsWith("--")
      ? LONG_WITH_VALUE.test(arg)
      : /^-[a-zA-Z]+$/.test(arg) && valued.includes(arg.at(-1) ?? " ");
  const end = args.indexOf("--");
  return args.filter((arg, index) => {
    if (end >= 0 && index > end) return true;
    return !(arg.startsWith("-") && arg !== "-") && !takesNext(args[index - 1]);
  });
}
