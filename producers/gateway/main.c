#include "producers/gateway/gateway.h"

int main(int argc, char **argv) {
    struct gateway_config config;
    enum hy_config_outcome outcome = hy_config_main(&gateway_table, &config, argc, argv);
    if (outcome != HY_CONFIG_RUN) return outcome == HY_CONFIG_EXIT ? 0 : 2;
    hy_config_start_log("gateway", &config.common);
    int code = gateway_run(&config);
    hy_config_free(&gateway_table, &config);
    return code;
}
