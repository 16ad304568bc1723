"""What messages want of documents, by tables of sentences."""

import pytest
from hypothesis import given

from core.wishes import Wish, follows_up, is_about_answer, named, names_file, points_back, topic, wish
from tests.core.hostile import STEADY, texts

SUMMARIES = (
    "Summarise this file.",
    "Summarize",
    "summarise please",
    "Please summarize the attached PDF in three bullet points.",
    "Can you summarise this for me?",
    "Could you please give me a short summary?",
    "tl;dr",
    "TLDR please",
    "Sum up the document in one sentence",
    "Give me a summary in three bullet points",
    "What is this about?",
    "What's this document about?",
    "what is this file all about?",
    "What are the key points?",
    "What are the main points of this document?",
    "Key takeaways?",
    "I need an executive summary of the report",
    "I have a meeting at ten. Please summarise this file.",
    "Summarise ops.pdf",
    "Summarise the ops file for my boss.",
    "What's in this file?",
    "What does this document say?",
    "Explain this document to me",
    "Describe the file",
    "Summarise everything in this file",
    "Summarise all of it",
    "Give me an overview of the whole handbook",
    "Read the file and summarise it",
    "Recap",
    "Summarise both documents",
    "Give me the gist",
    "Summarise this in Spanish",
)
ABOUT_WHAT_IS_ATTACHED = (
    "Explain this",
    "Review this",
    "",
    "See attached.",
    "Please read this",
    "What is this?",
    "What is it for?",
)
QUESTIONS = (
    "Summary of the main findings, please",
    "What are all the steps to restart the VPN?",
    "List the steps to restart the VPN",
    "List all steps to restart the VPN.",
    "How many servers run Postgres?",
    "Which servers run Postgres?",
    "How many days of leave do new staff get?",
    "Summarise the leave policy",
    "Summarise the section about backups",
    "What does the document say about backups?",
    "What does this file say about leave?",
    "Give me a summary of the backup section",
    "Translate 'llama' into Spanish",
    "Who translated the handbook?",
    "What is the summary's date?",
    "Who wrote the summary?",
    "When must the summary be sent?",
    "Where is the list of all servers kept?",
    "Is everything in the list?",
    "What is the overview page's address?",
    "Tell me everything about backups",
    "Give me all the details on backups",
    "List three advantages of the tug",
    "Name the tug",
    "Find the server in Lima",
    "What is the price of a translation?",
    "Does the list name all members?",
    "How do I translate a page?",
    "What are the opening hours?",
    "What is the main entrance?",
    "Who is in charge of the document?",
    "Explain the backup schedule",
    "Which file holds the summary?",
    "Can all employees book desks?",
    "Who must review the contract?",
    "Give me the phone number",
    "Show me the map",
    "Write a poem about tugs",
    "Make me an offer",
    "How long is this file kept?",
    "What color are bluberries? Source?",
    "Who keeps the list?",
    "Is a summary needed?",
    "What happens to all files at night?",
    "List price of the tug?",
)
TRANSLATIONS = (
    "Translate this file into German.",
    "Translate the document",
    "Translate this to Spanish",
    "translate into French",
    "Please translate everything into Dutch",
    "Can you translate it?",
    "I need a Spanish translation of this document",
    "Spanish translation please",
    "Rewrite this document in plain English",
    "Proofread the attached letter",
)
LISTS = (
    "List all servers that run Postgres.",
    "List everything in this file",
    "list every mention of Postgres",
    "Extract all email addresses",
    "Extract every date from the contract",
    "Please list all deadlines",
    "Give me a list of all servers",
    "Make a table of all prices",
    "Find every mention of Ana in this document",
    "Show me all contracts that end in 2027",
    "Can you list all the servers which stand in Lima?",
    "I need a complete list of the servers",
    "List the servers that run Postgres",
    "Extract the email addresses",
    "Name every tug",
    "Write down all names",
)
TALK = (
    "Hello!",
    "thanks, great",
    "What did I ask first?",
    "Can you help me?",
    "Who are you?",
)
ABOUT_THE_ANSWER = (
    "Say that in German",
    "Explain it more simply",
    "Why?",
    "Where does it say that?",
    "Put that into a table",
    "shorter",
    "in German please",
    "Are you sure?",
    "Tell me more",
    "Give me that in French",
    "Make it shorter",
    "Go on",
    "What do you mean?",
)
NOT_ABOUT_THE_ANSWER = (
    "Why did the crane stop?",
    "Explain the backup schedule",
    "Write a poem about tugs",
    "How do I restart it?",
    "Show me the price of this tug",
    "Is the office open on Monday?",
    "Tell me about sick leave",
)

MORE_QUESTIONS = (
    "Who approves the summary of expenses?",
    "Where do I find the list of holidays?",
    "When is the translation due?",
    "Which points are open?",
    "What did the report cost?",
    "How is everything backed up?",
    "Is there a summary page in the archive?",
    "What are the main duties of the watch?",
    "Explain why the crane stopped",
    "Show me the price of the tug",
    "Give me the address of the office in Lima",
    "Get all the information on sick leave",
    "Describe the way to the harbour",
    "What is everybody told on the first day?",
    "Who may see all documents?",
    "Can I list my tug in the register?",
    "How long may a summary be?",
    "Tell me about sick leave",
    "Name two reasons for the delay",
    "What does the contract say about notice?",
)
"""Written after the rules, to see how they do with sentences that they were not made of."""

MORE_TASKS = {
    Wish.GIST: (
        "Could you summarize this document for me in five sentences?",
        "Please write a one-page summary of this report.",
        "In short: what does this document say?",
        "give me the main points",
        "What are the most important points in this file?",
        "I'd like a brief overview of the attached document",
        "Summarise the attachment, please",
        "Hi! Can you summarise this?",
        "short summary pls",
        "Tell me about this document",
        "Write a letter based on this document",
        "Draft a reply to this e-mail",
        "Compare these two files",
        "Improve this text",
        "Thoughts?",
        "Make flashcards from the attached pdf",
    ),
    Wish.EACH: (
        "Please list every server in this file.",
        "Could you extract all the dates and names?",
        "Give me all email addresses in the document",
        "Find all the places where Postgres is mentioned",
        "Make a list of all people in the report",
        "Identify every risk in the contract",
        "show all deadlines",
        "List each contract with its price",
        "What are all the rules?",
    ),
    Wish.TRANSLATION: (
        "Could you translate this document to English, please?",
        "Translate the whole thing into Spanish",
        "translate it to French",
        "Please provide an English translation",
        "I want you to translate the attached file into Portuguese",
        "Rephrase this letter",
    ),
}


@pytest.mark.parametrize("attached", [True, False])
@pytest.mark.parametrize(
    ("wanted", "questions"),
    [
        (Wish.GIST, SUMMARIES),
        (Wish.EACH, LISTS),
        (Wish.TRANSLATION, TRANSLATIONS),
        (Wish.ANSWER, QUESTIONS),
        (Wish.ANSWER, MORE_QUESTIONS),
        *MORE_TASKS.items(),
    ],
)
def test_a_task_over_a_document_is_told_from_a_question(
    wanted: Wish, questions: tuple[str, ...], attached: bool
) -> None:
    """By how it is put, whether the file comes with it or came before."""
    wrong = {question: found for question in questions if (found := see(question, attached)) is not wanted}

    assert wrong == {}


def see(question: str, attached: bool) -> Wish:
    """What a question is taken for in a thread with one file."""
    return wish(question, attached=attached, names=["ops.pdf"])


def test_a_file_that_comes_without_a_question_is_told_of_as_a_whole() -> None:
    """Also with words that ask nothing; without a file they are no task."""
    assert {see(question, True) for question in ABOUT_WHAT_IS_ATTACHED} == {Wish.GIST}
    assert {see(question, False) for question in ABOUT_WHAT_IS_ATTACHED} == {Wish.ANSWER}


def test_talk_wants_nothing_of_documents() -> None:
    """A greeting, thanks, or what was said before."""
    assert {see(question, False) for question in TALK} == {Wish.TALK}


def test_what_is_about_the_answer_is_told_from_new_questions() -> None:
    """It wants the same in another way, or more of it."""
    assert {text for text in ABOUT_THE_ANSWER if not is_about_answer(text)} == set()
    assert {text for text in NOT_ABOUT_THE_ANSWER if is_about_answer(text)} == set()


def test_which_documents_are_called_by_their_names() -> None:
    """Also without the ending; a name of one or two letters is too short."""
    assert named("Translate the Budget Plan, please", "budget plan.xlsx")
    assert not named("Translate the budget", "budget plan.xlsx")
    assert not named("Summarise a", "a.md")


def test_a_document_is_known_by_its_name() -> None:
    """With or without its ending and the article; names of other things are topics."""
    for question in ("Summarise budget plan.xlsx", "Summarise the budget plan", "summarize Budget Plan"):
        assert wish(question, attached=False, names=["budget plan.xlsx"]) is Wish.GIST
    assert wish("Summarise the budget", attached=False, names=["budget plan.xlsx"]) is Wish.ANSWER


def test_whether_a_question_speaks_of_a_file() -> None:
    """Then it is about that file, whatever words it holds."""
    assert names_file("List all email addresses in this document")
    assert names_file("List all dates of ops.pdf", ["ops.pdf"])
    assert not names_file("List all planets of the solar system", ["ops.pdf"])


@pytest.mark.parametrize(
    ("question", "about"),
    [
        ("Summarise the leave policy", "the leave policy"),
        ("Please give me a short summary of the backups", "the backups"),
        ("Can you list all servers that run Postgres?", "all servers that run Postgres?"),
        ("How long is leave?", "How long is leave?"),
        ("Summarise", "Summarise"),
    ],
)
def test_what_a_task_is_about_stands_without_its_verb(question: str, about: str) -> None:
    """Passages that are about it need not say "summarise"."""
    assert topic(question) == about


@STEADY
@given(texts)
def test_any_text_wants_something(text: str) -> None:
    """Whatever stands in a message and in the names of files."""
    for attached in (True, False):
        assert wish(text, attached=attached, names=[text, ""]) in Wish
    assert is_about_answer(text) in (True, False)
    assert topic(text) or not text
    assert names_file(text, [text]) in (True, False)


def test_a_long_message_is_judged_in_time_that_grows_with_its_length() -> None:
    """Many words of politeness, articles or spaces in a row cost no more than others."""
    for words in ("please ", "all the ", "give me a list ", " ", "can you ", "read it and "):
        assert wish(words * 20_000, attached=False) in Wish
        assert is_about_answer(words * 20_000) in (True, False)


@pytest.mark.parametrize(
    ("question", "leans"),
    [
        ("And in the second year?", True),
        ("What about cats?", True),
        ("Who wrote it?", True),
        ("Why?", True),
        ("How many days of leave do new staff get?", False),
        ("When does the office in Lima open?", False),
    ],
)
def test_a_follow_up_leans_on_the_question_before(question: str, leans: bool) -> None:
    """It points back, or says too little by itself."""
    assert follows_up(question) is leans


@pytest.mark.parametrize(
    ("question", "points"),
    [
        ("And in the second year?", True),
        ("Who wrote it?", True),
        ("How long?", True),
        ("Who else works there?", True),
        ("How much may a hotel cost?", False),
        ("Is there a lift?", False),
        ("How many people are there?", False),
    ],
)
def test_a_short_question_points_back_only_where_its_words_do(question: str, points: bool) -> None:
    """One that names what it is about may stand by itself, however short it is."""
    assert points_back(question) is points
