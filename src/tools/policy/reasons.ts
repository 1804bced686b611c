/** Why a rule of this name never lets a call pass, whatever the settings say. */
export const DENIED = {
  protected: "it names or changes the server's own keys, settings or database",
  "foreign-process": "it looks into another process's memory or environment",
  "delete-system": "it deletes the system or a home directory",
  "format-disk": "it formats or wipes a disk",
  "write-device": "it overwrites a disk or the memory, or controls the kernel",
  "kill-everything": "it kills every process",
  "kill-server": "it ends this server, perhaps by name; kill another process by its id",
  "manage-server": "it manages this server, as only people do; for jobs there is the tool cronjob",
  power: "it shuts the machine down",
  "fork-bomb": "it starts itself without end",
} as const;

/** Why a rule of this name lets a call pass only when a person says so. */
export const ASKED = {
  "recursive-delete": "it deletes directories with all in them",
  "mass-delete": "it deletes whatever it finds or is given",
  "world-writable": "it lets everybody write",
  "chown-root": "it gives files to root",
  "raw-copy": "it copies raw data or changes partitions",
  "sql-loss": "it drops or empties a table",
  "write-etc": "it changes the system's configuration",
  "write-system": "it changes the system",
  "write-keys": "it changes keys, secrets or who may log in",
  "write-startup": "it changes what runs later or at every log-in",
  "write-instructions": "it changes what agents read as their instructions",
  "write-hermes": "it changes this server's configuration, skills or jobs",
  "read-hermes": "it uses all of this server's own directory",
  "link-outside": "it makes a link to what lies outside the workspace",
  "stop-service": "it stops a service or this server",
  "kill-many": "it kills every process of a name, or one that is known only when it runs",
  "inline-code": "it runs a program given as text",
  "input-code": "it runs whatever it is sent",
  "computed-program": "what it runs shows only when it runs",
  "named-program": "an option or a variable tells it to run another program",
  "host-access": "it gives a container this machine's files or rights",
  "git-loss": "it throws away work that is not committed, or commits",
  "git-push": "it rewrites or deletes what others may have",
  nested: "it is nested too deeply to be judged",
  "too-long": "it is too long to be judged",
} as const;

/** The name of a rule; rules of one name share a reason. */
export type RuleId = keyof typeof DENIED | keyof typeof ASKED;
