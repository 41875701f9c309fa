/* SPDX-License-Identifier: MIT */
/*
 * Copyright (C) 2026 The dgem authors
 *
 * What programs tell their users when something goes wrong.
 */
#ifndef DGEM_MESSAGE_H
#define DGEM_MESSAGE_H

/* What messages start with: a program's name, or its name and a command's. */
void set_message_prefix(const char *program, const char *command);

/* Print "PREFIX: ..." to standard error. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same with the text of a negative errno; returns EXIT_FAILURE. */
int failed(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif /* DGEM_MESSAGE_H */
