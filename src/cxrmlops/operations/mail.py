"""A notice as an e-mail, handed to the site's mail server (SMTP)."""

import os
import smtplib
import ssl
from email.message import EmailMessage
from email.utils import localtime, make_msgid

from cxrmlops.params import Notices
from cxrmlops.system.errors import AccessError, CxrError, ParamsError, ServiceError
from cxrmlops.system.loopback import HOSTS

USER, PASSWORD = "CXR_SMTP_USER", "CXR_SMTP_PASSWORD"
SECONDS = 10.0
PORTS = {"starttls": 587, "tls": 465, "none": 25}


def send(subject: str, text: str, *, settings: Notices) -> None:
    """Send it to everybody in `mail_to`, once.

    Raises:
        ParamsError: the server's address is none, or a password would go in clear.
        AccessError: the server does not let us in, or takes no recipient.
        ServiceError: it does not answer.
    """
    letter = EmailMessage()
    letter["Subject"] = " ".join(subject.split())
    letter["From"] = settings.mail_from
    letter["To"] = ", ".join(settings.mail_to)
    letter["Date"] = localtime()
    letter["Message-ID"] = make_msgid(domain="cxrmlops.invalid")
    letter["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday answers
    letter.set_content(text)
    try:
        with _connected(settings) as server:
            server.send_message(letter)
    except (OSError, smtplib.SMTPException, ValueError) as error:
        raise _trouble(error) from None


def _connected(settings: Notices) -> smtplib.SMTP:
    host, port = _place(settings)
    user, password = os.environ.get(USER), os.environ.get(PASSWORD, "")
    if user and settings.mail_security == "none" and host not in HOSTS:
        raise ParamsError(
            f"{PASSWORD} would go to the mail server in clear; set site.yaml: "
            "notices.mail_security to starttls or tls"
        )
    context = ssl.create_default_context()
    if settings.mail_security == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(
            host, port, timeout=SECONDS, context=context
        )
    else:
        server = smtplib.SMTP(host, port, timeout=SECONDS)
    try:
        if settings.mail_security == "starttls":
            server.starttls(context=context)
        if user:
            server.login(user, password)
    except BaseException:
        server.close()
        raise
    return server


def _place(settings: Notices) -> tuple[str, int]:
    host, _, port = (settings.mail_server or "").partition(":")
    if not host or (port and not port.isdigit()):
        raise ParamsError(
            "site.yaml: notices.mail_server is no host or host:port; correct it"
        )
    return host, int(port) if port else PORTS[settings.mail_security]


def _trouble(error: Exception) -> CxrError:
    where = "see site.yaml: notices.mail_server and mail_security"
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return AccessError(
            f"the mail server does not let us in ({error.smtp_code}); correct {USER} "
            f"and {PASSWORD}"
        )
    if isinstance(error, smtplib.SMTPRecipientsRefused | smtplib.SMTPSenderRefused):
        return AccessError(
            "the mail server refused sender or recipients; correct site.yaml: "
            "notices.mail_from and mail_to"
        )
    if isinstance(error, ssl.SSLError):
        return AccessError(f"the mail server's TLS is not trusted; {where}")
    return ServiceError(
        f"the mail server did not take the notice ({type(error).__name__}); {where}"
    )
