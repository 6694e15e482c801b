"""Reports and statements: what is asked, what it is made of, what it says. The arithmetic is pure; the ledger counts.

`asking` reads a question, `figures` defines every figure, `report` answers, `statement` adds up an account, `sheets`
writes either down, `desk` is the door for who must not wait in line.
"""
