"""``python -m cubinspect`` is ``cubinspect``."""

import os
import sys

from cubinspect._program import find_program

program = find_program()
os.execv(program, [program, *sys.argv[1:]])
