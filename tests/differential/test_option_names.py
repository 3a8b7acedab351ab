"""Every name of GNU parallel's options, and everything that is short for one, is the same option in haid.

What GNU parallel makes of a name is asked of its own table and of the library that reads it.
"""

import subprocess

import pytest

from test_differential import HAID, MISSING, ORACLE

# Prints, for each word that it reads, the names of the option that it stands for; nothing where it is none, or several.
RESOLVE = r"""
use strict; no strict; no warnings; use Getopt::Long;
my $text = do { local $/; open(my $file, "<", shift @ARGV) or die; <$file> };
$text =~ /^(sub options_completion_hash.*?^\})/ms or die "no table of options";
eval $1; die $@ if $@;
my %table = options_completion_hash();
my (%names, %spec);
for my $key (keys %table) {
    my $retired = ref $table{$key} eq "SCALAR" && $table{$key} == \$opt::retired;
    (my $plain = $key) =~ s/\[.*//s;
    (my $all = $plain) =~ s/[=:][a-z]$//;
    $names{(split /\|/, $all)[0]} = $retired || $all =~ /^_/ || $all eq "bug" ? "" : $all;
    $spec{$plain} = sub { push @main::found, "$_[0]" };
}
if ($ARGV[0] eq "names") { print "$_\n" for grep { $_ ne "" } values %names; exit }
Getopt::Long::Configure("bundling", "require_order");
$SIG{__WARN__} = sub {};
while (my $word = <STDIN>) {
    chomp $word;
    @main::found = ();
    local @ARGV = ($word, 1, 1);
    my $ok = GetOptions(%spec);
    print $ok && @main::found == 1 ? $names{$main::found[0]} : "", "\n";
}
"""


def ask_oracle(*arguments, words=()):
    command = ["perl", "-e", RESOLVE, str(ORACLE), *arguments]
    said = subprocess.run(command, input="".join(f"{word}\n" for word in words), capture_output=True, text=True, timeout=60)
    assert said.returncode == 0, said.stderr
    return said.stdout.splitlines()


def run_haid(*arguments):
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "HOME": "/nonexistent"}
    return subprocess.run([str(HAID), *arguments], env=environment, input="a\nX\nb\n", capture_output=True, text=True, timeout=60)


def ask_haid(word):
    """How haid calls the option in the error that it makes of it; None where it knows no such option, or several."""
    # An option with a value does not take this one, one without takes none.
    for arguments in ([word, ":::"], [f"{word}=X"]):
        said = run_haid(*arguments)
        error = said.stderr.removeprefix("haid: error: ")
        if said.returncode == 255 and (error.startswith("there is no option") or "is short for several options" in error):
            return None
        if said.returncode == 255 and error.startswith("the option "):
            return error.split()[2].lstrip("-")
        if said.returncode == 255 and error.startswith("--") and error.split()[1] == "X:":
            return error.split()[0].lstrip("-")
    # One that may have any value, or none.
    does = {"echo a\necho X\necho b\n": "replace", "echo X a\n": "eof"}
    said = run_haid(f"{word}=X", "--dry-run", "-k", "echo", "X")
    return does[said.stdout]


def prefixes(names):
    words = {name[:size] for name in names for size in range(1, len(name) + 1)}
    return sorted(f"--{word}" for word in words)


@pytest.mark.skipif(bool(MISSING), reason=str(MISSING))
def test_every_name_and_every_abbreviation_is_gnu_parallels():
    names = [name for group in ask_oracle("names") for name in group.split("|")]
    assert len(names) > 200
    words = prefixes(names)
    wrong = {}
    for word, wanted in zip(words, ask_oracle("words", words=words), strict=True):
        got = ask_haid(word)
        # Unknown or ambiguous there may be an option of haid's own here, or one of a newer GNU parallel.
        if wanted and (got is None or got not in wanted.split("|")):
            wrong[word] = (wanted, got)
    assert wrong == {}


@pytest.mark.skipif(bool(MISSING), reason=str(MISSING))
def test_every_name_and_every_abbreviation_of_haids_own_options_is_known():
    for word in ("--nodes", "--no-progress", "--cpus-per-job", "--cpus", "--time-per-job", "--time-per", "--until-done", "--interpreter"):
        assert ask_haid(word) is not None, word
