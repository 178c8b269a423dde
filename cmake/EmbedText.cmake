# cmake -DINPUT=file -DOUTPUT=file.c -DNAME=SYMBOL -P EmbedText.cmake: the file's bytes as `const char SYMBOL[]`, NUL
# behind them, and `const unsigned long SYMBOL_LEN`.
file(READ "${INPUT}" hex HEX)
string(LENGTH "${hex}" digits)
math(EXPR bytes "${digits} / 2")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," body "${hex}")
file(WRITE "${OUTPUT}" "extern const char ${NAME}[];\nextern const unsigned long ${NAME}_LEN;\n"
  "const char ${NAME}[] = {${body}0};\nconst unsigned long ${NAME}_LEN = ${bytes};\n")
