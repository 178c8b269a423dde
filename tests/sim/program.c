#include "tests/sim/program.h"

enum { DOWN_LEAST_MS = 50, DOWN_MOST_MS = 4000 };

struct sim_program *sim_program_running;

static void step(void *ctx, uint64_t life) {
    struct sim_program *program = ctx;
    if (program->lives != life || !program->life || program->wake_ms != sim_now.now_ms) return;
    program->wake_ms = INT64_MAX;
    if (program->stopped) {
        program->missed = true;
        return;
    }
    sim_program_running = program;
    int64_t next = program->step(program->life);
    sim_program_running = NULL;
    if (program->doomed_in > 0 && --program->doomed_in == 0)
        sim_program_kill(program, sim_between(DOWN_LEAST_MS, DOWN_MOST_MS));
    else if (next >= 0)
        sim_program_wake(program, next);
}

void sim_program_wake(struct sim_program *program, int64_t delay_ms) {
    int64_t at = sim_now.now_ms + delay_ms;
    if (!program->life || program->wake_ms <= at) return;
    program->wake_ms = at;
    sim_after(delay_ms, step, program, program->lives);
}

void sim_program_news(void *ctx, uint64_t partition) {
    struct sim_program *program = ctx;
    (void)partition;
    if (program->wake_ms - sim_now.now_ms > program->lag_ms) sim_program_wake(program, sim_between(1, program->lag_ms));
}

void sim_program_start(struct sim_program *program) {
    program->lives++;
    program->stopped = program->missed = false;
    program->wake_ms = INT64_MAX;
    sim_program_running = program;
    program->life = program->begin(program);
    sim_program_running = NULL;
    sim_program_wake(program, sim_between(1, 50));
}

void sim_program_end(struct sim_program *program) {
    if (program->life) program->end(program->life);
    program->life = NULL;
}

void sim_program_doom(struct sim_program *program, int64_t steps) {
    program->doomed_in = steps;
}

static void comes_back(void *ctx, uint64_t life) {
    struct sim_program *program = ctx;
    if (program->lives == life && !program->life) sim_program_start(program);
}

void sim_program_kill(struct sim_program *program, int64_t back_ms) {
    if (!program->life) return;
    sim_program_end(program);
    sim_after(back_ms, comes_back, program, program->lives);
}

static void goes_on(void *ctx, uint64_t life) {
    struct sim_program *program = ctx;
    if (program->lives != life || !program->life) return;
    program->stopped = false;
    program->silent(program->life, false);
    if (program->missed) sim_program_wake(program, 0);
    program->missed = false;
}

void sim_program_stop(struct sim_program *program, int64_t for_ms) {
    if (!program->life || program->stopped) return;
    program->stopped = true;
    program->silent(program->life, true);
    sim_after(for_ms, goes_on, program, program->lives);
}
