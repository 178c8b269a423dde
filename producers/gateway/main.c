#include <stdio.h>

#include "producers/gateway/gateway.h"

int main(int argc, char **argv) {
    struct gateway_config config;
    struct hy_buf problems = {0};
    enum hy_config_outcome outcome = hy_config_main(&gateway_table, &config, argc, argv);
    if (outcome != HY_CONFIG_RUN) return outcome == HY_CONFIG_EXIT ? 0 : 2;
    if (gateway_check(&config, &problems) < 0) {
        fprintf(stderr, "%s", problems.data ? problems.data : "gateway: out of memory\n");
        hy_buf_free(&problems);
        hy_config_free(&gateway_table, &config);
        return 2;
    }
    hy_config_start_log("gateway", &config.common);
    int code = gateway_run(&config);
    hy_config_free(&gateway_table, &config);
    return code;
}
