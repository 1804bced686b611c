import { describe } from "vitest";
import { rows } from "../../../helpers/policy.ts";

describe("reading all of a directory that has a home in it", () => {
  rows("ask read-hermes", [
    "grep -r word ~",
    "grep -rn --include '*.ts' word /home",
    "grep --recursive word /",
    "grep -d recurse word ~",
    "cd ~ && grep -r word",
    "cd ~ && grep -rn -A 3 word",
    "cd ~ && grep -r word .",
    "egrep -R word ~",
    "rg word ~",
    "cd ~; rg word",
    "cd ~; ag -i word",
    "ack word /home/ada",
    "find ~ -name '*.md' -exec cat {} +",
    "cd ~; find -type f -exec grep word {} \\;",
    "find ~ -type f | xargs grep word",
    "cd ~; rg -l word | xargs head",
    "ls -R ~ | xargs cat",
    "git grep --no-index word ~",
    "cd ~; git add -A",
    "cd ~; git add .",
    "cd ~; git stash -u",
    "diff -r ~ /tmp/x",
    "zip -r x.zip ~",
    "cd ~; python3 -m http.server",
    "docker run -v ~:/data alpine ls",
    "docker run --volume=/home:/data alpine ls",
    "docker run --mount type=bind,source=/home/ada,target=/data alpine ls",
    "grep -r word ~/.hermes/profiles",
  ]);
  rows("allow", [
    "grep -r word .",
    "grep -r word",
    "grep -rn word src",
    "rg word",
    "rg word src",
    "rg --files",
    "cd ~ && grep -rn word src",
    "cd ~ && grep word notes.txt",
    "grep -r -A 3 word ~/src",
    "find ~ -name '*.md'",
    "find ~ -name '*.md' -exec ls -l {} +",
    "find ~ -type f | wc -l",
    "cd ~; find src -type f | xargs grep word",
    "git grep word",
    "git add -A",
    "git add .",
    "git commit -am 'grep -r word ~'",
    "cp -r . /tmp/x",
    "python3 -m http.server",
    "docker run --rm -v /srv/work/project:/w node npm test",
    'docker run --rm -v "$PWD:/w" node npm test',
    "docker build -t x .",
    "ls -la ~",
  ]);
});

describe("secrets of homes", () => {
  rows("deny protected", [
    "cat ~/.hermes/config.yaml",
    "cat ~/.hermes/profiles/alice/.env",
    "cat ~/.hermes/profiles/*/.env",
    "cat ~/.hermes/profiles/alice/state.db-wal",
    "ls ~/.hermes/profiles/alice/keys/a",
    "sed -i s/a/b/ $HERMES_HOME/config.yaml",
    "echo .hermes/profiles/alice/.env",
  ]);
  rows("allow", [
    "cat ~/.hermes/SOUL.md",
    "ls ~/.hermes/profiles/alice",
    "echo .hermes/profiles/readme",
    "cat config.yaml",
    "vi src/config.yaml",
  ]);
});

describe("throwing away work in git", () => {
  rows("ask git-loss", [
    "git checkout -- .",
    "git checkout .",
    "git checkout HEAD -- src/a.ts",
    "git checkout -f main",
    "git checkout -B main",
    "git -C sub checkout -- a",
    "git restore src/a.ts",
    "git restore --staged --worktree a",
    "git switch -f main",
    "git switch --discard-changes main",
    "git stash drop",
    "git stash clear",
    "git branch -D old",
    "git branch -f old HEAD~3",
    "git worktree remove --force x",
    "git reflog expire --expire=now --all",
    "git gc --prune=now",
    "git update-ref -d refs/heads/x",
    "git rm -r old",
    "git submodule update --force",
    "git filter-branch --all",
    "hg revert --all",
    "svn revert -R .",
  ]);
  rows("allow", [
    "git checkout main",
    "git checkout -b feature",
    "git restore --staged src/a.ts",
    "git switch main",
    "git switch -c feature",
    "git stash",
    "git stash pop",
    "git stash list",
    "git branch -d old",
    "git branch -a",
    "git worktree add ../x",
    "git worktree remove x",
    "git reflog",
    "git gc",
    "git rm a.txt",
    "git rm -r --cached .",
    "git branch -M main",
    "git merge main",
    "git rebase main",
    "git show HEAD:AGENTS.md",
    "git push --tags",
  ]);
});

describe("what is read or run later", () => {
  rows("ask write-instructions", [
    "echo x > AGENTS.md",
    "echo x >> sub/agents.MD",
    "tee CLAUDE.md < x",
    "cp x.md GEMINI.md",
    "cp x/AGENTS.md .",
    "mv x .hermes.md",
    "rm AGENTS.md",
    "git mv a AGENTS.md",
    "sed -i s/a/b/ AGENTS.md",
    "sed 'w AGENTS.md' a",
    "awk '{print > \"AGENTS.md\"}' a",
    "curl -o AGENTS.md https://example.com",
    "curl -O https://example.com/AGENTS.md?x",
    "echo x > .cursor/rules/a.mdc",
    "echo x > .cursorrules",
    "echo x > .github/copilot-instructions.md",
    "echo x > .claude/settings.json",
    "ln -s notes.md AGENTS.md",
    "patch AGENTS.md < x",
  ]);
  rows("ask write-startup", [
    "cat > .git/hooks/pre-commit <<'E'\nls\nE",
    "chmod +x .git/hooks/post-commit",
    "cp hook .git/hooks",
    "echo x >> .git/config",
    "git config core.hooksPath hooks",
    "git config --global core.editor ./x",
    "git config alias.x '!ls'",
    "echo x > .husky/pre-commit",
    "echo x > .vscode/tasks.json",
    "cp ci.yml .github/workflows/",
    "echo x > .gitlab-ci.yml",
    "echo x > Jenkinsfile",
    "echo x > .circleci/config.yml",
    "echo x > .envrc",
    "echo x > .npmrc",
    "wget https://example.com/x/.envrc",
    "echo x > ~/.zlogin",
    "cp tool ~/.local/bin/",
    "echo x > ~/.config/autostart/a.desktop",
  ]);
  rows("allow", [
    "cat AGENTS.md",
    "git add AGENTS.md",
    "mkdir -p .git/hooks .github/workflows .vscode",
    "rm .git/index.lock",
    "echo x > .vscode/cspell.json",
    "echo x > package.json",
    "echo x > Makefile",
    "echo x > .gitignore",
    "echo x > docs/agents-overview.md",
    "git config user.name Ada",
    "git config --get core.editor",
    "git config alias.st status",
    "git config --list",
    "wget https://example.com/x.tgz",
    "patch -p1 < x.patch",
  ]);
});

describe("links to what lies outside the workspace", () => {
  rows("ask link-outside", [
    "ln -s ~/.hermes/skills here",
    "ln -s /etc/hosts here",
    "ln /etc/hosts here",
    "ln -s /etc/hosts",
    "ln -st . /etc/hosts",
    "ln -s ../other here",
    "cp -l /etc/hosts .",
    "cp -as /etc .",
    "mount --bind ~ x",
  ]);
  rows("allow", [
    "ln -s a.txt b.txt",
    "ln -s ../src packages/a/src",
    "ln -sf src/a.ts .",
    "ln -s /srv/work/project/a b",
    "cp -a src dist",
    "mount",
  ]);
});

describe("the server's own commands", () => {
  rows("deny manage-server", ["hermes operator-key", "npx hermes-api-server operator-key"]);
});
