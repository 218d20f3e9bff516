//! The language, told to people.

/// What `help syntax` prints.
pub(crate) const SYNTAX: &str = "\
Commands
  NAME ARGUMENTS        a built-in (help lists them), or a program: at a path, in PATH, or, if it
                        belongs to you or to root, in the current directory; .exe is tried, too
  a | b | c             each reads what the one before it writes; the code is that of the last
  a && b                b only if a ended with 0
  a || b                b only if a did not end with 0; && and || go from left to right
  a & b    a ; b        one after the other, like lines of their own (start runs in the background)

Redirection
  < FILE                read from it
  > FILE   >> FILE      write to it; append to it
  2> FILE  2>> FILE     the same for errors
  2>&1     >&2          errors go where output goes; output goes where errors go
  NUL is /dev/null. In the name of a file \\ stands for / if there is no file of exactly that name.

Words
  \"two words\"           one argument; in it \\\" is a quotation mark, and so is \"\"
  'as it is'            one argument in which nothing is special; ' quotes only where a word begins
                        or behind =
  C:\\dir\\               backslashes are ordinary characters, unless a \" follows them: then each
                        pair is one of them, and one left over makes the \" ordinary
  ^&                    an ordinary &: ^ takes the meaning from the character behind it, outside
                        quotes; at the end of a line it joins the next line to it
  *  ?  [a-z]           the files whose names match; if none does the word stays as it is
  ~  ~/FILE             the home directory

Variables (the case of their names does not matter)
  %NAME%                the value of an environment variable; if there is none it stays as it is
  $NAME  ${NAME}        the same, but nothing if there is none
  %ERRORLEVEL%  $?      the code of the last command, with all 32 bits
  %1 ... %9  %*  $#     in a script: its arguments, all of them, how many there are (also $1, $*)
  set NAME=VALUE        sets one; set NAME= removes it. A value is never split into words.

Comments
  # to the end of the line, where a word could begin; rem and :: where a command could begin

Keys
  Ctrl-C ends what runs, not the prompt. Ctrl-Z stops it: fg continues it, bg does so in the
  background. Ctrl-D, or exit, leaves the prompt.

Codes
  Programs end with 32-bit codes, 0 for success. 9009 is a program that was not found, 126 one that
  cannot be run. 3221225786 (0xc000013a) is the end by Ctrl-C.
";
