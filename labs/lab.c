/* The program `lab`: worksheets for instructors; see common/lab.c. */
#include "common/lab.h"

int main(int argc, char **argv)
{
    return lab_main(argc, argv);
}
