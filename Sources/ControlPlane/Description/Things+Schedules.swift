internal import Books
internal import Wire

extension Thing {
    static let exampleSchedules: JSON = ["pull": "every 15 minutes", "post": "0 6 * * 1-5 Europe/London", "payment": "realtime"]

    private static let named: [Member] = [
        .must("schedule", .choice(Schedule.subjects), "`pull`: asking the source. `post`: sending what is cleared, of every form that has no schedule of its own.", example: "post"),
        .must("rule", .line(most: 200), "As it was written.", example: "daily at 06:00"), .must("time_zone", .zone, "Whose clock counts where the rule names none."),
    ]
    private static let nextRuns = Member.must("next_runs", .list(.instant, 0 ... 5), "By the local clock.", example: ["2026-11-23T06:00:00-06:00"])

    private static let schedule = Thing("Schedule", "When a flow does one of the things that it does by the clock.", named + [
        .must("state", .choice(["active", "paused"])), .must("stated", .flag, "false: it is there for its pause alone.", example: true),
        .must("waiting", .orNull(.count), "Cleared postings that wait for its next run; null of `pull`.", example: 3),
        .must("last_run_at", .orNull(.instant)), .must("next_run_at", .orNull(.instant), "Null while it is paused, and for what is done as it comes."), nextRuns,
        .must("problem", .orNull(.words), "Why it cannot run.", example: .null),
    ])

    static let schedules = Thing("Schedules", "A flow's schedules.", [
        .must("flow", .id), .must("time_zone", .zone, "The organisation's."), .must("schedules", .map(.line(most: 200)), "As they are stated.", example: exampleSchedules),
        .must("items", .things(schedule)),
    ])

    static let schedulePreview = Thing("SchedulePreview", "What would come of schedules.", [
        .must("after", .instant, "From when they are counted."),
        .must("items", .things(Thing("ScheduleRuns", "One schedule's next runs.", named + [nextRuns]))),
    ])
}
