/* core/base/banned.h: included before every file of the tree by the compiler's command line. Naming
 * a function below is then an error: each writes without a bound, hides errors, keeps a hidden
 * state between threads, or is not worth its name (rand). The headers that declare them come first,
 * since a poisoned name may not even be declared. */
#pragma once
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#pragma GCC poison strcpy stpcpy strcat strncpy strncat sprintf vsprintf gets strtok
#pragma GCC poison atoi atol atoll atof tmpnam tempnam mktemp rand srand
#pragma GCC poison gmtime localtime ctime asctime
