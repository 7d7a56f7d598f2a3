/* quoin-plugin: look at plugins without running them, grant and pin them, start new ones. */
#include "core/tool/tool.h"

#include "config.h"
#include "core/base/alloc.h"
#include "core/base/nearest.h"

static const struct {
    const char *name, *arg, *help;
    int (*run)(qc_tool *t);
    bool folders; /* needs the node's folders */
} COMMANDS[] = {
    {"inspect", "FILE|NAME", "what a plugin says of itself and what its file holds; runs nothing",
     qc_tool_inspect, true},
    {"lint", "FILE|NAME", "the rules that a plugin's file must keep; exit 1 when one is broken",
     qc_tool_lint, true},
    {"resolve", "FILE|NAME", "what this node would give it and refuse it, and why", qc_tool_resolve,
     true},
    {"enable", "FILE|NAME", "show what it asks for, ask, and write its grant, or change it",
     qc_tool_enable, true},
    {"disable", "FILE|NAME", "remove its grant; its data stays", qc_tool_disable, true},
    {"pin", "FILE|NAME", "pin the file as it is now; with -reload, reload it too", qc_tool_pin,
     true},
    {"run", "FILE --mock", "load it into a process of its own and lead it through a small chain",
     qc_tool_run, false},
    {"trace", "FILE|NAME",
     "the same, with every table call it makes and what came back; by name: in the node that runs",
     qc_tool_trace, false},
    {"check", "FILE", "the conformance suite: each case in a process of its own", qc_tool_check,
     false},
    {"new", "NAME -needs=IDS", "a plugin that builds and passes its test as it is", qc_tool_new,
     false},
    {"doctor", NULL, "which layers of the sandbox hold on this machine", qc_tool_doctor, false},
};

static void print_help(FILE *f)
{
    fprintf(f, "quoin-plugin " PACKAGE_VERSION
               "\n\nUsage: quoin-plugin [options] command [argument]\n\n");
    for (size_t i = 0; i < QC_COUNTOF(COMMANDS); i++)
        fprintf(f, "  %-8s %-16s %s\n", COMMANDS[i].name, COMMANDS[i].arg ? COMMANDS[i].arg : "",
                COMMANDS[i].help);
    char *text = qc_opt_help(QC_TOOL_OPTIONS, false);
    fprintf(f, "\n%s", text);
    qc_free(text);
}

/* Options may stand anywhere; "--needs X" means "-needs=X". */
static char **sort_args(int argc, char **argv, int *n_option)
{
    char **out = qc_alloc(((size_t)argc + 1) * sizeof *out);
    int n = 0;
    out[n++] = qc_strdup(argv[0]);
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 1; i < argc; i++) {
            bool option = argv[i][0] == '-' && argv[i][1];
            bool split = option && i + 1 < argc &&
                         (strcmp(argv[i], "--needs") == 0 || strcmp(argv[i], "-needs") == 0);
            if (option == (pass == 0))
                out[n++] = split ? qc_asprintf("%s=%s", argv[i], argv[i + 1]) : qc_strdup(argv[i]);
            i += split;
        }
        if (pass == 0)
            *n_option = n;
    }
    return out;
}

static int run(qc_tool *t, int n_option, char **args, int argc)
{
    char *error = NULL;
    int first;
    if (qc_settings_args(t->settings, n_option, args, true, &first, &error)) {
        fprintf(stderr, "Error parsing command line arguments: %s\n", error);
        qc_free(error);
        return 1;
    }
    if (qc_settings_bool(t->settings, "version", false)) {
        printf("quoin-plugin " PACKAGE_VERSION "\n");
        return 0;
    }
    t->word = args + n_option;
    for (t->n_word = 0; n_option + t->n_word < argc && args[n_option + t->n_word];)
        t->n_word++;
    bool help = qc_settings_bool(t->settings, "help", false) ||
                qc_settings_bool(t->settings, "h", false) ||
                qc_settings_bool(t->settings, "?", false);
    if (help || t->n_word == 0) {
        print_help(help ? stdout : stderr);
        return help ? 0 : 1;
    }
    for (size_t i = 0; i < QC_COUNTOF(COMMANDS); i++) {
        if (strcmp(COMMANDS[i].name, t->word[0]) != 0)
            continue;
        int wanted = COMMANDS[i].arg ? 2 : 1;
        if (t->n_word > wanted)
            fprintf(stderr,
                    "Error: found %s, wanted nothing more (the value of an option stands behind "
                    "'=': -option=value)\n",
                    qc_printable(t->word[wanted]));
        if (t->n_word != wanted) {
            fprintf(stderr, "Usage: quoin-plugin %s %s\n", COMMANDS[i].name,
                    COMMANDS[i].arg ? COMMANDS[i].arg : "");
            return 1;
        }
        return COMMANDS[i].folders && !qc_tool_folders(t) ? 1 : COMMANDS[i].run(t);
    }
    qc_nearest near;
    qc_nearest_init(&near, t->word[0]);
    for (size_t i = 0; i < QC_COUNTOF(COMMANDS); i++)
        qc_nearest_try(&near, COMMANDS[i].name);
    fprintf(stderr, "Error: no such command: %s (%s%s%squoin-plugin -help)\n", t->word[0],
            near.best ? "did you mean " : "", near.best ? near.best : "", near.best ? "? " : "");
    return 1;
}

int main(int argc, char **argv)
{
    qc_tool t = {.settings = qc_settings_new(QC_TOOL_OPTIONS), .argv = argv};
    int n_option;
    char **args = sort_args(argc, argv, &n_option);
    setvbuf(stdout, NULL, _IOLBF, 0); /* in a file too, an error stands behind what led to it */
    int code = run(&t, n_option, args, argc);
    for (int i = 0; i < argc && args[i]; i++)
        qc_free(args[i]);
    qc_free(args);
    qc_free(t.grant_dir);
    qc_free(t.plugin_dir);
    qc_conf_paths_clear(&t.paths);
    qc_settings_free(t.settings);
    return fflush(stdout) == 0 ? code : 1;
}
