import { Command } from "commander";

/** Options as other programs call them. */
export const otherNames: ReadonlyMap<string, string> = new Map([
  ["-t", "--target"],
  ["-o", "--output"],
  ["-v", "--version"],
  ["-q", "--quiet"],
  ["-f", "--force"],
  ["--lr", "--learning-rate"],
  ["--rate", "--learning-rate"],
  ["--wd", "--weight-decay"],
  ["--hidden", "--layers"],
  ["--units", "--layers"],
  ["--test-size", "--validation"],
  ["--holdout", "--validation"],
  ["--label", "--target"],
  ["--features", "--columns"],
  ["--drop", "--ignore"],
  ["--exclude", "--ignore"],
  ["--iterations", "--epochs"],
  ["--n", "--members"],
  ["--replicas", "--members"],
  ["--path", "--strategy"],
]);

/** A command whose complaints end with its usage. */
export class CommandWithUsage extends Command {
  override createCommand(name?: string): CommandWithUsage {
    return new CommandWithUsage(name);
  }

  override error(message: string, options?: { readonly exitCode?: number; readonly code?: string }): never {
    const [, option = ""] = /unknown option '([^']*)'/.exec(message) ?? [];
    const meant = otherNames.get(option);
    const told = meant === undefined ? message.trim() : `unknown option '${option}' (Did you mean ${meant}?)`;
    super.error(`${told.replace(/\.$/, "")}${this.#hint(options?.code)}; ${this.#usage()}`, options);
  }

  #hint(code: string | undefined): string {
    if (code !== "commander.excessArguments") return "";
    const takesModel = this.options.some(({ long }) => long === "--model");
    if (takesModel) return "; the model is --model FILE";
    return this.registeredArguments.length > 0
      ? "; lists take commas and no spaces, names with spaces take quotes"
      : "";
  }

  #usage(): string {
    const isProgram = this.parent === null;
    if (isProgram) return "thalweg --help lists the commands, thalweg COMMAND --help their options";
    return `usage: thalweg ${this.name()} ${this.usage()}; thalweg ${this.name()} --help lists its options`;
  }
}
