internal import Kernel
internal import Wire

/// What people see who were refused: a page in words. Programs get a problem document.
extension Refusal {
    func page(_ call: Call) -> HTTPResponse {
        let path = call.request.path
        var out = ["/connect/", "/oauth/", "/consents/"].contains(where: path.hasPrefix) ? ConsentPage.refused(self, request: call.id) : console(call)
        for field in fields.list { out.fields[field.name] = field.value }
        return out
    }

    private func console(_ call: Call) -> HTTPResponse {
        Shell.respond(status, Shell.bare(title, """
            <main id="main" class="sign-in"><div class="panel">\(Shell.mark)<h1>\(title)</h1><p role="alert">\(detail)</p><p>\(remedy)</p>
            <p><a class="button" href="/">To the start</a></p><p class="soft small">Status \(status), code <code>\(code)</code>, request <code>\(call.id)</code></p></div></main>
            """))
    }
}

extension Call {
    /// A person asks: for a page of ours, or in a browser for what is not there.
    var isForPeople: Bool {
        if let route { return route.endpoint.isForPeople }
        return !request.path.hasPrefix("/v1/") && (request.fields["Accept"] ?? "").contains("text/html")
    }
}

extension Endpoint {
    /// It answers pages, whatever happens.
    var isForPeople: Bool { about.replies.contains { $0.type == Reply.html } }
}
